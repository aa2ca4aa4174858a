// One piece of work, measured in a process of its own: node bench/work.mjs NAME MODE [SCHEDULE]
// Prints one line of JSON. Times are CPU time of the whole process (JIT and garbage collection included), in ms.
// Every run is checked outside of the time: a fast wrong answer is worth nothing.
import {
  checkAgainstReference,
  createMachine,
  generateCapture,
  perfettoTrace,
  setUpCall,
  TimelineRecorder,
  TraceRing,
} from 'simtwin';
import { setUpAllToAll } from './all-to-all.mjs';

const [name = '', mode = 'fast', schedule = 'rr'] = process.argv.slice(2);
const TIMES = { ref: 4, step: 8, fast: 40 }[mode];

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};
const rssMiB = () => process.resourceUsage().maxRSS / 1024;

/** Runs `prepare()` and then times what it returns, `times` times; the first is cold, of the others the best counts. */
function timed(times, prepare) {
  const runs = [];
  for (let run = 0; run < times; run++) {
    const { machine, verify } = prepare(run);
    const before = machine.steps;
    const start = cpuMs();
    const { verdict, error } = machine.run();
    const ms = cpuMs() - start;
    if (verdict !== 'completes') throw new Error(`${name}: ${verdict} ${error?.message ?? ''}`);
    if (machine.mode !== mode) throw new Error(`${name} ran in ${machine.mode}, not ${mode}`);
    runs.push({ ms, steps: machine.steps - before });
    verify?.();
  }
  const warm = runs.slice(1).map(({ ms }) => ms);
  return {
    coldMs: runs[0].ms,
    warmMs: warm.length === 0 ? null : Math.min(...warm),
    steps: runs[0].steps,
    rssMiB: rssMiB(),
  };
}

/** The same all-to-all again and again on one workspace, as a process runs it. */
function allToAll(shape, times, options = { mode, schedule }) {
  const call = setUpAllToAll({ ...shape, options });
  return {
    packets: call.packets,
    threads: call.threads,
    ...timed(times, (run) => {
      if (run > 0) call.again();
      return { machine: call.machine, verify: run === 0 || run === times - 1 ? call.verify : undefined };
    }),
  };
}

const SMALL = { epSize: 4, tokens: 64, topK: 2, vectorBytes: 14336, usableSms: 8 };

const WORKS = {
  /** 4 ranks x 64 tokens x 2 targets x 14,336 bytes, 2 channels: 4,096 packets, 8,192 threads. */
  packets: () => allToAll(SMALL, TIMES),
  /** The same with every access in a trace. */
  tracedPackets: () => {
    const ring = new TraceRing();
    const result = allToAll(SMALL, TIMES, { mode, schedule, fast: { trace: ring } });
    return { ...result, accesses: ring.count };
  },
  /** The same with a timeline. */
  recordedPackets: () => {
    const recorder = new TimelineRecorder();
    return allToAll(SMALL, TIMES, { mode, schedule, step: { observer: recorder } });
  },
  /** Index preparation of one of 8 ranks, top-k 8, 1,024 tokens a rank. */
  indices: () => {
    const args = { ep_size: 8, ep_rank: 3, top_k: 8, max_token_count_per_rank: 1024 };
    const capture = generateCapture('moe_comm_prepare_indices', args, 1);
    return timed(TIMES, () => {
      const call = setUpCall(capture, { mode, schedule }, 'bench');
      const verify = () => {
        const { differingBytes } = checkAgainstReference(capture, call);
        if (differingBytes !== 0) throw new Error(`${name}: ${differingBytes} bytes differ`);
      };
      return { machine: call.machine, verify };
    });
  },
  /** 1,024 threads x 1,000 x (syncthreads, neighbour read, ballot). */
  neighbours: async () => {
    const { kernelOf } = await import('./kernel-of.mjs');
    const kernel = kernelOf('neighbour-kernel.ts', 'neighbourKernel');
    return {
      threadIterations: 1024 * 1000,
      ...timed(TIMES, () => {
        const machine = createMachine({ mode, schedule });
        const out = machine.memory.allocate('out', 'i32', 1024);
        machine.stream().launch(kernel, { grid: 1, block: 1024 }, { iterations: 1000, out });
        return { machine };
      }),
    };
  },
  /** 8 ranks x 33 channels: 270,336 threads, 4.6 GB of workspace, 65,536 packets. */
  fullNode: () => allToAll({ ...SMALL, epSize: 8, tokens: 512, usableSms: 132 }, 1),
  /** The same with a timeline, and the trace that is made of it: `traceMs` and bytes. */
  recordedFullNode: () => {
    const recorder = new TimelineRecorder();
    const options = { mode, schedule, step: { observer: recorder } };
    const result = allToAll({ ...SMALL, epSize: 8, tokens: 512, usableSms: 132 }, 1, options);
    const start = cpuMs();
    const timeline = recorder.timeline({ verdict: 'completes', steps: result.steps });
    const timelineMs = cpuMs() - start;
    let traceBytes = 0;
    for (const text of perfettoTrace(timeline)) traceBytes += text.length;
    const { waits, fifoEvents, flows, barriers, losses } = timeline;
    const rows = { waits: waits.count, fifoEvents: fifoEvents.count, flows: flows.count, barriers: barriers.count };
    return {
      ...result,
      timelineMs,
      traceMs: cpuMs() - start - timelineMs,
      traceBytes,
      rows,
      losses,
      traceRssMiB: rssMiB(),
    };
  },
  /** 64 ranks x 4 channels: 524,288 packets of 128 tokens a rank, each for 8 of 64 ranks. */
  manyRanks: () => allToAll({ ...SMALL, epSize: 64, tokens: 128, topK: 8, usableSms: 64 }, 1),
  /** 16 ranks x 16 channels: 524,288 threads of the all-to-all, all alive at once. */
  liveThreads: () => {
    const { machine, threads } = setUpAllToAll({
      ...SMALL,
      epSize: 16,
      tokens: 1,
      vectorBytes: 16,
      usableSms: 132,
      options: { mode },
    });
    const start = cpuMs();
    // Every warp steps three times: its threads have begun, none of those with a peer has ended.
    machine.advance((threads / 32) * 3);
    return { threads, coldMs: cpuMs() - start, warmMs: null, steps: machine.steps, rssMiB: rssMiB() };
  },
};

const work = WORKS[name];
if (work === undefined) throw new RangeError(`no work '${name}': there are ${Object.keys(WORKS).join(', ')}`);
console.log(JSON.stringify({ name, mode, schedule, ...(await work()) }));
