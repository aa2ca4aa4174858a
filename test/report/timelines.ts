import { Random } from '../../src/simt/random.js';
import type { Timeline } from '../../src/timeline/index.js';

/** How large a made-up timeline is. */
export interface TimelineSize {
  readonly warps: number;
  /** Waits of a warp. */
  readonly waits: number;
  readonly fifos: number;
  /** Events of a FIFO: packets published and consumed, heads, tails. */
  readonly fifoEvents: number;
  readonly flows: number;
}

const WARPS_PER_BLOCK = 16;
const DEPTH = 8;

/** A timeline as a run may give it, made up: a warp waits, runs, waits; FIFOs fill and empty. */
export function madeUpTimeline(size: TimelineSize, seed: number): Timeline {
  const random = new Random(seed);
  const blockCount = Math.ceil(size.warps / WARPS_PER_BLOCK);
  const steps = 10 * size.waits * 20;
  const rows = size.warps * size.waits;
  const waits = {
    count: rows,
    warp: new Int32Array(rows),
    kind: new Uint8Array(rows),
    subject: new Int32Array(rows),
    site: new Int32Array(rows),
    startStep: new Float64Array(rows),
    endStep: new Float64Array(rows),
  };
  const endStep = new Float64Array(size.warps);
  for (let warp = 0; warp < size.warps; warp++) {
    let step = random.nextBelow(20);
    for (let at = 0; at < size.waits; at++) {
      const row = warp * size.waits + at;
      waits.warp[row] = warp;
      waits.kind[row] = random.nextBelow(3);
      waits.subject[row] = random.nextBelow(Math.max(1, size.fifos));
      waits.site[row] = random.nextBelow(3);
      step += 1 + random.nextBelow(100);
      waits.startStep[row] = step;
      step += 1 + random.nextBelow(99);
      waits.endStep[row] = step;
    }
    endStep[warp] = step < steps ? step + 1 : -1;
  }
  const events = size.fifos * size.fifoEvents;
  const fifoEvents = {
    count: events,
    step: new Float64Array(events),
    fifo: new Int32Array(events),
    kind: new Uint8Array(events),
    value: new Float64Array(events),
    inFlight: new Int32Array(events),
    slot: new Int32Array(events),
    packet: new Int32Array(events),
    thread: new Int32Array(events),
    site: new Int32Array(events),
  };
  // A slice is published, seen and taken: published, head, consumed, tail.
  const kinds = [2, 0, 3, 1];
  for (let at = 0; at < events; at++) {
    const fifo = at % size.fifos;
    const turn = Math.floor(at / size.fifos);
    const slice = turn >> 2;
    const kind = kinds[turn & 3]!;
    fifoEvents.step[at] = 1 + Math.floor((at / events) * (steps - 1));
    fifoEvents.fifo[at] = fifo;
    fifoEvents.kind[at] = kind;
    fifoEvents.value[at] = slice + 1;
    fifoEvents.slot[at] = kind >= 2 ? slice % DEPTH : -1;
    fifoEvents.packet[at] = kind >= 2 ? 0 : -1;
    fifoEvents.thread[at] = 32 * random.nextBelow(size.warps);
    fifoEvents.site[at] = kind % 3;
  }
  const flow = (limit: number) => Int32Array.from({ length: size.flows }, () => random.nextBelow(limit));
  return {
    steps,
    verdict: 'completes',
    schedule: 'rr',
    launches: [
      {
        kernel: 'madeUp',
        rank: 0,
        stream: 0,
        gridDim: { x: blockCount, y: 1, z: 1 },
        blockDim: { x: 32 * WARPS_PER_BLOCK, y: 1, z: 1 },
      },
    ],
    blocks: {
      count: blockCount,
      launch: new Int32Array(blockCount),
      x: Int32Array.from({ length: blockCount }, (_, block) => block),
      y: new Int32Array(blockCount),
      z: new Int32Array(blockCount),
      startStep: new Float64Array(blockCount),
      endStep: new Float64Array(blockCount).fill(-1),
      firstWarp: Int32Array.from({ length: blockCount }, (_, block) => block * WARPS_PER_BLOCK),
      warpCount: Int32Array.from({ length: blockCount }, (_, block) =>
        Math.min(WARPS_PER_BLOCK, size.warps - block * WARPS_PER_BLOCK),
      ),
    },
    warps: {
      count: size.warps,
      block: Int32Array.from({ length: size.warps }, (_, warp) => Math.floor(warp / WARPS_PER_BLOCK)),
      group: new Int32Array(size.warps),
      endStep,
    },
    groups: ['group for nobody'],
    waits,
    words: Array.from({ length: size.fifos }, (_, fifo) => ({
      name: `tail of link 0 -> ${fifo}`,
      address: 0x7f0000000000 + 256 * fifo,
      isShared: false,
      fifo,
    })),
    barriers: {
      count: 0,
      block: new Int32Array(0),
      id: new Uint8Array(0),
      arrivals: new Int32Array(0),
      lastWarp: new Int32Array(0),
      firstStep: new Float64Array(0),
      completeStep: new Float64Array(0),
      site: new Int32Array(0),
    },
    fifos: Array.from({ length: size.fifos }, (_, to) => ({ from: 0, to, channel: 0, depth: DEPTH, inFlight: 0 })),
    fifoEvents,
    flows: {
      count: size.flows,
      word: flow(Math.max(1, size.fifos)),
      storeStep: Float64Array.from(flow(steps)).sort(),
      storeThread: flow(32 * size.warps),
      storeSite: flow(3),
      loadStep: Float64Array.from(flow(steps)).sort(),
      loadThread: flow(32 * size.warps),
      loadSite: flow(3),
    },
    sites: [254, 325, 396].map((line) => ({
      file: 'src/kernels/all-to-all-channel-communicator.ts',
      line,
      column: 1,
      functionName: 'run',
    })),
    lines: [
      {
        file: 'src/kernels/all-to-all-channel-communicator.ts',
        line: 254,
        loads: 1024,
        stores: 0,
        atomics: 0,
        fences: 0,
        warpOperations: 0,
        barriers: 0,
      },
    ],
    losses: { waitSteps: 0, fifoSteps: 0, flows: 0, barriers: 0 },
  };
}
