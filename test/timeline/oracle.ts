import { type AccessInstruction, framesOf, type Instruction } from '../../src/program/index.js';
import { lanesOf } from '../../src/simt/for-engines.js';
import type { Allocation, Machine, Outcome } from '../../src/simt/index.js';
import { inspectorOf, type StepObserver } from '../../src/step/index.js';
import { PC } from '../../src/step/layout.js';
import type { StepBlock } from '../../src/step/step-block.js';
import { FIFO_EVENT_KINDS, type Timeline, WAIT_KINDS } from '../../src/timeline/index.js';

/** What a timeline says, without the tables: what the oracle can tell as well. */
export interface Told {
  readonly waits: readonly string[];
  readonly flows: readonly string[];
  readonly fifoEvents: readonly string[];
  readonly lines: Readonly<Record<string, number>>;
}

/** A timeline, row by row. */
export function toldBy({ waits, words, flows, fifos, fifoEvents, lines }: Timeline): Told {
  const rows = (count: number): number[] => Array.from({ length: count }, (_, row) => row);
  return {
    waits: rows(waits.count).map((row) => {
      const kind = WAIT_KINDS[waits.kind[row]!]!;
      const what = kind === 'poll' ? `poll 0x${words[waits.subject[row]!]!.address.toString(16)}` : kind;
      return `warp ${waits.warp[row]}: ${what} ${waits.startStep[row]} to ${waits.endStep[row]}`;
    }),
    flows: rows(flows.count)
      .map(
        (row) =>
          `0x${words[flows.word[row]!]!.address.toString(16)}: ${flows.storeThread[row]} at ${flows.storeStep[row]} to ${flows.loadThread[row]} at ${flows.loadStep[row]}`,
      )
      .sort(),
    fifoEvents: rows(fifoEvents.count).map((row) => {
      const { channel } = fifos[fifoEvents.fifo[row]!]!;
      const kind = FIFO_EVENT_KINDS[fifoEvents.kind[row]!];
      return `${fifoEvents.step[row]}: channel ${channel} ${kind} ${fifoEvents.value[row]} by ${fifoEvents.thread[row]}, slot ${fifoEvents.slot[row]}, ${fifoEvents.inFlight[row]} in flight`;
    }),
    lines: Object.fromEntries(
      lines.flatMap(({ file, line, ...counts }) =>
        Object.entries(counts).flatMap(([kind, count]) => (count === 0 ? [] : [[`${file}:${line} ${kind}`, count]])),
      ),
    ),
  };
}

interface Entry {
  readonly step: number;
  readonly warp: number;
  readonly thread: number;
  /** `turn`: a barrier is come to. */
  readonly kind: 'load' | 'store' | 'turn';
  /** Instruction and address: a load that polls has the same again. */
  readonly key: string;
  readonly isVisible: boolean;
  readonly allocation: Allocation | null;
  readonly offset: number;
  readonly value: bigint;
}

/** Notes everything, and thinks about it afterwards. */
export class Oracle implements StepObserver {
  readonly #machine: () => Machine;
  readonly #entries: Entry[] = [];
  readonly #firstWarps = new Map<StepBlock, number>();
  readonly #warpKeys: string[] = [];
  readonly #lines: Record<string, number> = {};
  readonly #states: string[] = [];
  readonly #since: number[] = [];
  readonly #stops: { warp: number; what: string; start: number; end: number }[] = [];
  readonly #instructions = new Map<Instruction, number>();
  #write: (() => void) | null = null;

  constructor(machine: () => Machine) {
    this.#machine = machine;
  }

  blockStarts(block: StepBlock): void {
    this.#firstWarps.set(block, this.#warpKeys.length);
    for (let warp = 0; warp < block.warpCount; warp++) this.#warpKeys.push(`${keyOf(block)} ${warp}`);
  }

  blockEnds(): void {}

  access(
    instruction: AccessInstruction,
    allocation: Allocation,
    offset: number,
    block: StepBlock,
    rank: number,
  ): boolean {
    const { op, elementType } = instruction;
    this.#countLine(block, instruction, op === 'load' ? 'loads' : op === 'store' ? 'stores' : 'atomics');
    const thread = 32 * this.#firstWarps.get(block)! + rank;
    if (!this.#instructions.has(instruction)) this.#instructions.set(instruction, this.#instructions.size);
    const read = () => BigInt(allocation.read(elementType, offset));
    const before = read();
    const note = (kind: Entry['kind'], value: bigint) =>
      this.#entries.push({
        step: this.#machine().steps,
        warp: thread >>> 5,
        thread,
        kind,
        key: `${this.#instructions.get(instruction)} ${offset}`,
        isVisible: op === 'atomic' || instruction.ordering !== 'plain',
        allocation,
        offset,
        value,
      });
    if (op !== 'store') note('load', before);
    this.#write =
      op === 'load'
        ? null
        : () => {
            const after = read();
            if (op === 'store' || after !== before) note('store', after);
          };
    return op !== 'load';
  }

  stored(): void {
    this.#write!();
  }

  fence(instruction: Instruction, block: StepBlock): void {
    this.#countLine(block, instruction, 'fences');
  }

  meet(block: StepBlock, warpIndex: number, lanes: number): void {
    for (const lane of lanesOf(lanes)) this.#countLine(block, placeOf(block, warpIndex, lane), 'warpOperations');
  }

  arrive(block: StepBlock, _id: number, warpIndex: number, lanes: number): void {
    for (const lane of lanesOf(lanes)) this.#countLine(block, placeOf(block, warpIndex, lane), 'barriers');
    const warp = this.#firstWarps.get(block)! + warpIndex;
    const { steps: step } = this.#machine();
    this.#entries.push({
      step,
      warp,
      thread: 32 * warp,
      kind: 'turn',
      key: '',
      isVisible: true,
      allocation: null,
      offset: 0,
      value: 0n,
    });
  }

  complete(): void {}

  /** Runs the machine step by step and looks at all of its threads each time. */
  run(): Outcome {
    const machine = this.#machine();
    for (;;) {
      const outcome = machine.advance(1);
      if (machine.mode !== null) this.#lookAtThreads(machine, outcome);
      if (outcome !== null) return outcome;
    }
  }

  told(): Told {
    const entries = this.#entries;
    const polls = this.#polls();
    const waits = [...polls, ...this.#stops].sort((a, b) => a.warp - b.warp || a.start - b.start);
    const flows = this.#flows(polls);
    const events: string[] = [];
    const counts = new Map<number, { head: bigint; tail: bigint }>();
    const published = new Map<string, bigint>();
    for (const { step, kind, allocation, offset, value, thread } of entries) {
      const fifos = allocation?.symbols?.fifos;
      if (fifos === undefined || fifos.wordWithin(offset, 8) === -1) continue;
      const { fifo, kind: word, slot } = fifos.wordFor(offset)!;
      const count = counts.get(fifo.channel) ?? { head: 0n, tail: 0n };
      counts.set(fifo.channel, count);
      const at = `${fifo.channel} ${slot}`;
      let what: string | null = null;
      if (kind === 'store' && word !== 'flag') {
        count[word] = value;
        what = word;
      } else if (kind === 'store') {
        what = 'published';
        published.set(at, value);
      } else if (word === 'flag' && published.get(at) === value) {
        what = 'consumed';
        published.delete(at);
      }
      if (what === null) continue;
      events.push(
        `${step}: channel ${fifo.channel} ${what} ${value} by ${thread}, slot ${slot}, ${count.head - count.tail} in flight`,
      );
    }
    return {
      waits: waits.map(({ warp, what, start, end }) => `warp ${warp}: ${what} ${start} to ${end}`),
      flows,
      fifoEvents: events,
      lines: this.#lines,
    };
  }

  #countLine(block: StepBlock, instruction: Instruction, kind: string): void {
    const [frame] = framesOf(block.arena.code.emitted.program, instruction.site);
    const key = `${frame!.file}:${frame!.line} ${kind}`;
    this.#lines[key] = (this.#lines[key] ?? 0) + 1;
  }

  #lookAtThreads(machine: Machine, outcome: Outcome | null): void {
    const states = new Map<string, Set<string>>();
    for (const thread of inspectorOf(machine).threads()) {
      const key = `${keyOf(thread)} ${thread.warp}`;
      states.set(key, (states.get(key) ?? new Set()).add(thread.state));
    }
    this.#warpKeys.forEach((key, warp) => {
      const ofWarp = states.get(key) ?? new Set(['exited']);
      ofWarp.delete('exited');
      const before = this.#states[warp] ?? 'goes on';
      let now = 'goes on';
      if (ofWarp.size > 0 && !ofWarp.has('ready'))
        now = ofWarp.has('waits for its warp') ? 'warp operation' : 'barrier';
      if (now !== before && before !== 'goes on')
        this.#stops.push({ warp, what: before, start: this.#since[warp]!, end: machine.steps });
      if (now !== before) this.#since[warp] = machine.steps;
      this.#states[warp] = now;
      if (outcome !== null && now !== 'goes on')
        this.#stops.push({ warp, what: now, start: this.#since[warp]!, end: -1 });
    });
  }

  /** Runs of the same load. In these kernels a warp polls with one lane and one load. */
  #polls() {
    const polls: { warp: number; what: string; start: number; end: number; second: Entry; allocation: Allocation }[] =
      [];
    this.#warpKeys.forEach((_, warp) => {
      let run: Entry[] = [];
      const close = (isOpen: boolean) => {
        const [first, second] = run;
        if (first === undefined || second === undefined) return;
        const { allocation, offset } = first;
        const word = allocation!.symbols?.fifos?.wordFor(offset)?.offsetBytes ?? offset;
        const end = isOpen ? -1 : run[run.length - 1]!.step;
        const what = `poll 0x${(allocation!.base + word).toString(16)}`;
        polls.push({ warp, what, start: first.step, end, second, allocation: allocation! });
      };
      const entries = this.#entries.filter((entry) => entry.warp === warp);
      entries.forEach((entry, at) => {
        const next = entries[at + 1];
        // The load of an atomic that has changed its word is no load of a poll.
        const isChange = next?.kind === 'store' && next.step === entry.step && next.thread === entry.thread;
        if (entry.kind === 'load' && (!entry.isVisible || isChange)) return;
        if (entry.kind === 'load' && entry.key === run[0]?.key) run.push(entry);
        else {
          close(false);
          run = entry.kind === 'load' ? [entry] : [];
        }
      });
      const isLeft = this.#states[warp] === 'goes on' && this.#since[warp] === undefined;
      close(isLeft);
    });
    return polls;
  }

  /** From each store to the next of its word: the first load of every other warp. */
  #flows(polls: readonly { readonly second: Entry; readonly allocation: Allocation }[]): string[] {
    const found: string[] = [];
    const entries = this.#entries;
    entries.forEach((store, at) => {
      if (store.kind !== 'store') return;
      const { allocation, offset } = store;
      const fifos = allocation!.symbols?.fifos;
      const isFifo = fifos !== undefined && fifos.wordWithin(offset, 8) !== -1;
      const isPolled = polls.some(
        ({ second }) => second.allocation === allocation && second.offset === offset && entries.indexOf(second) < at,
      );
      if (!isFifo && !isPolled) return;
      const seenBy = new Set([store.warp]);
      for (const entry of entries.slice(at + 1)) {
        if (entry.allocation !== allocation || entry.offset !== offset) continue;
        if (entry.kind === 'store') break;
        if (seenBy.has(entry.warp)) continue;
        seenBy.add(entry.warp);
        const address = `0x${(allocation!.base + offset).toString(16)}`;
        found.push(`${address}: ${store.thread} at ${store.step} to ${entry.thread} at ${entry.step}`);
      }
    });
    return found.sort();
  }
}

const keyOf = ({ blockIdx }: { readonly blockIdx: { readonly x: number } }): string => String(blockIdx.x);

function placeOf({ arena, rows }: StepBlock, warpIndex: number, lane: number): Instruction {
  const number = arena.L[rows + (32 * warpIndex + lane) * arena.rowWords + PC]!;
  return arena.code.layout.visible[number]!.instruction;
}
