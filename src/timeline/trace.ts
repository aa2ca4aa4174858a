import { orderBy } from './growing-table.js';
import { FIFO_EVENT_KINDS, type Timeline, WAIT_KINDS } from './timeline.js';

/** Characters that are collected before they are given away. */
const CHUNK_CHARACTERS = 1 << 16;

export interface TraceOptions {
  /** The line of the original that a line of a port stands for; null: not known. */
  readonly originalLine?: (file: string, line: number) => string | null;
  /** More facts for the trace's metadata: `{ capture: 'a.safetensors' }`. */
  readonly about?: Readonly<Record<string, string>>;
}

/** An event of the trace, as the Trace Event Format has it. `ts` and `dur` are microseconds: steps. */
interface TraceEvent {
  readonly ph: 'M' | 'X' | 'C' | 's' | 'f' | 'i';
  readonly name: string;
  readonly pid: number;
  readonly [key: string]: unknown;
}

/**
 * A timeline as JSON in the Trace Event Format, for ui.perfetto.dev and chrome://tracing; in pieces, which are to be
 * written one behind the other.
 *
 * - Ranks are processes, warps are threads. Step n lasts from microsecond n to n + 1.
 * - A warp has a slice from its start to its end, and slices within it wherever it waits. One that still waits at the end
 *   of the run has `"isOpen": true`.
 * - A store that somebody saw, and the load that saw it, are slices of one step with a flow between them.
 * - Slices in flight in each FIFO are a counter of the receiving rank.
 */
export function* perfettoTrace(timeline: Timeline, options: TraceOptions = {}): Generator<string, void, undefined> {
  let text = `${JSON.stringify({ displayTimeUnit: 'ns', otherData: factsOf(timeline, options) }).slice(0, -1)},\n"traceEvents":[\n`;
  let separator = '';
  for (const event of new TraceWriter(timeline, options).events()) {
    text += separator + JSON.stringify(event);
    separator = ',\n';
    if (text.length < CHUNK_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield `${text}\n]}\n`;
}

function factsOf({ steps, verdict, schedule, losses }: Timeline, { about = {} }: TraceOptions): Record<string, string> {
  const { waitSteps, fifoSteps, flows, barriers } = losses;
  const left = [
    ...(waitSteps === 0 ? [] : [`waits of less than ${waitSteps} steps`]),
    ...(fifoSteps === 0 ? [] : [`all but the last event in ${fifoSteps} steps of each FIFO`]),
    ...(flows === 0 ? [] : [`${flows} flows`]),
    ...(barriers === 0 ? [] : [`${barriers} phases of barriers`]),
  ];
  return {
    ...about,
    'time unit': '1 us is one step of the machine; nothing here says how long anything takes on a GPU',
    schedule,
    verdict: verdict ?? 'not ended',
    steps: String(steps),
    'left out': left.join(', ') || 'nothing',
  };
}

/** Both ends of flows, by warp and step. */
interface FlowEnds {
  /** Flow and which end, as 2 * flow + (1 for the load), by warp. */
  readonly order: Uint32Array;
  readonly warp: Int32Array;
  readonly step: Float64Array;
}

class TraceWriter {
  readonly #timeline: Timeline;
  readonly #end: number;
  /** By row of the sites. */
  readonly #places: readonly Readonly<Record<string, string>>[];

  constructor(timeline: Timeline, { originalLine = () => null }: TraceOptions) {
    this.#timeline = timeline;
    this.#end = timeline.steps + 1;
    this.#places = timeline.sites.map(({ file, line, functionName }) => {
      const original = originalLine(file, line);
      return { function: functionName, line: `${file}:${line}`, ...(original === null ? {} : { original }) };
    });
  }

  *events(): Generator<TraceEvent> {
    yield* this.#processes();
    yield* this.#threads();
    yield* this.#warps();
    yield* this.#counters();
    const { verdict, steps } = this.#timeline;
    if (verdict !== null) yield { ph: 'i', s: 'g', name: verdict, pid: 1, tid: 0, ts: steps };
  }

  *#processes(): Generator<TraceEvent> {
    const { launches, fifos } = this.#timeline;
    const ranks = new Set([...launches.map(({ rank }) => rank), ...fifos.map(({ to }) => to)]);
    for (const rank of [...ranks].sort((a, b) => a - b)) {
      const pid = pidOf(rank);
      yield { ph: 'M', name: 'process_name', pid, tid: 0, args: { name: `rank ${rank}` } };
      yield { ph: 'M', name: 'process_sort_index', pid, tid: 0, args: { sort_index: rank } };
    }
  }

  *#threads(): Generator<TraceEvent> {
    const { launches, blocks, warps, groups } = this.#timeline;
    // Of a launch by coordinates, whatever the order in which the blocks became resident.
    const order = Array.from({ length: blocks.count }, (_, row) => row).sort(
      (a, b) =>
        blocks.launch[a]! - blocks.launch[b]! ||
        blocks.z[a]! - blocks.z[b]! ||
        blocks.y[a]! - blocks.y[b]! ||
        blocks.x[a]! - blocks.x[b]!,
    );
    let sortIndex = 0;
    for (const block of order) {
      const { rank, kernel } = launches[blocks.launch[block]!]!;
      const pid = pidOf(rank);
      for (let index = 0; index < blocks.warpCount[block]!; index++) {
        const warp = blocks.firstWarp[block]! + index;
        const group = groups[warps.group[warp]!];
        const at = `${kernel} (${blocks.x[block]},${blocks.y[block]},${blocks.z[block]}) warp ${index}`;
        const name = group === undefined ? at : `${at}: ${group}`;
        yield { ph: 'M', name: 'thread_name', pid, tid: tidOf(warp), args: { name } };
        yield { ph: 'M', name: 'thread_sort_index', pid, tid: tidOf(warp), args: { sort_index: sortIndex++ } };
      }
    }
  }

  /** Slices and flows, warp by warp, each in the order of time. */
  *#warps(): Generator<TraceEvent> {
    const { warps, waits, blocks, launches } = this.#timeline;
    const ends = this.#flowEnds();
    let wait = 0;
    let end = 0;
    for (let warp = 0; warp < warps.count; warp++) {
      const block = warps.block[warp]!;
      const { rank, kernel } = launches[blocks.launch[block]!]!;
      const thread = { pid: pidOf(rank), tid: tidOf(warp) };
      const start = blocks.startStep[block]!;
      const endStep = warps.endStep[warp]!;
      const dur = (endStep === -1 ? this.#end : endStep + 1) - start;
      const isOpen = endStep === -1 ? { isOpen: true } : {};
      yield { ph: 'X', name: kernel, cat: 'run', ...thread, ts: start, dur, args: { ...isOpen } };
      for (;;) {
        const waitStart = wait < waits.count && waits.warp[wait] === warp ? waits.startStep[wait]! : Infinity;
        const flowStep = end < ends.order.length && ends.warp[end] === warp ? ends.step[end]! : Infinity;
        if (waitStart === Infinity && flowStep === Infinity) break;
        if (waitStart <= flowStep) yield this.#wait(wait++, thread);
        else {
          const first = end;
          while (end < ends.order.length && ends.warp[end] === warp && ends.step[end] === flowStep) end++;
          yield* this.#flowEnd(ends, first, end, thread);
        }
      }
    }
  }

  #wait(row: number, thread: Pick<TraceEvent, 'pid'>): TraceEvent {
    const { waits, words } = this.#timeline;
    const kind = WAIT_KINDS[waits.kind[row]!]!;
    const subject = waits.subject[row]!;
    const ts = waits.startStep[row]!;
    const endStep = waits.endStep[row]!;
    const place = this.#places[waits.site[row]!] ?? {};
    const common = { ph: 'X' as const, cat: kind, ...thread, ts, dur: (endStep === -1 ? this.#end : endStep) - ts };
    const args = endStep === -1 ? { ...place, isOpen: true } : place;
    switch (kind) {
      case 'barrier':
        return { ...common, name: `barrier ${subject}`, args };
      case 'poll': {
        const { name, address } = words[subject]!;
        return { ...common, name: `polls ${name}`, args: { ...args, address: hex(address) } };
      }
      case 'warp operation':
        return { ...common, name: 'warp operation', args: { ...args, missingLanes: hex(subject >>> 0) } };
      default:
        return kind satisfies never;
    }
  }

  /** Ends [first, last) are of one warp and step: one slice, whose flows begin or end there. */
  *#flowEnd(
    { order, step }: FlowEnds,
    first: number,
    last: number,
    thread: { readonly pid: number; readonly tid: number },
  ): Generator<TraceEvent> {
    const { flows, words } = this.#timeline;
    const ts = step[first]!;
    const flow = order[first]! >>> 1;
    const isLoad = (order[first]! & 1) === 1;
    const { name } = words[flows.word[flow]!]!;
    const lane = (isLoad ? flows.loadThread[flow]! : flows.storeThread[flow]!) & 31;
    const site = isLoad ? flows.loadSite[flow]! : flows.storeSite[flow]!;
    yield {
      ph: 'X',
      name: `${isLoad ? 'sees' : 'stores'} ${name}`,
      cat: isLoad ? 'load' : 'store',
      ...thread,
      ts,
      dur: 1,
      args: { ...this.#places[site], lane },
    };
    for (let at = first; at < last; at++) {
      const id = order[at]! >>> 1;
      const common = { cat: 'flow', name: words[flows.word[id]!]!.name, id, ...thread, ts };
      yield (order[at]! & 1) === 1 ? { ph: 'f', bp: 'e', ...common } : { ph: 's', ...common };
    }
  }

  #flowEnds(): FlowEnds {
    const { flows, warps } = this.#timeline;
    const count = 2 * flows.count;
    const warpOf = (end: number): number => (end & 1 ? flows.loadThread : flows.storeThread)[end >>> 1]! >>> 5;
    const stepOf = (end: number): number => (end & 1 ? flows.loadStep : flows.storeStep)[end >>> 1]!;
    const byStep = Uint32Array.from({ length: count }, (_, end) => end).sort((a, b) => stepOf(a) - stepOf(b) || a - b);
    const order = orderBy(Int32Array.from(byStep, warpOf), count, warps.count).map((at) => byStep[at]!);
    return { order, warp: Int32Array.from(order, warpOf), step: Float64Array.from(order, stepOf) };
  }

  *#counters(): Generator<TraceEvent> {
    const { fifos, fifoEvents } = this.#timeline;
    const [head, tail] = [FIFO_EVENT_KINDS.indexOf('head'), FIFO_EVENT_KINDS.indexOf('tail')];
    const counter = (fifo: number, ts: number, slices: number): TraceEvent => {
      const { from, to, channel } = fifos[fifo]!;
      const name = `link ${from} -> ${to}, channel ${channel}`;
      return { ph: 'C', name, pid: pidOf(to), tid: 0, ts, args: { 'head - tail': slices } };
    };
    const order = orderBy(fifoEvents.fifo, fifoEvents.count, fifos.length);
    let at = 0;
    for (let fifo = 0; fifo < fifos.length; fifo++) {
      yield counter(fifo, 0, fifos[fifo]!.inFlight);
      for (; at < order.length && fifoEvents.fifo[order[at]!] === fifo; at++) {
        const row = order[at]!;
        const kind = fifoEvents.kind[row];
        if (kind === head || kind === tail) yield counter(fifo, fifoEvents.step[row]!, fifoEvents.inFlight[row]!);
      }
    }
  }
}

// 0 is the idle task of an operating system.
const pidOf = (rank: number): number => rank + 1;
const tidOf = (warp: number): number => warp + 1;
const hex = (value: number): string => `0x${value.toString(16)}`;
