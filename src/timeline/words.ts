import { type AccessInstruction, accessedBytes } from '../program/index.js';
import {
  type Allocation,
  type FifoWord,
  type FifoWords,
  formatSymbol,
  SHARED_END,
  scalarBytes,
} from '../simt/index.js';
import type { FifoRecorder } from './fifos.js';
import { GrowingTable } from './growing-table.js';
import type { FlowTable, TimelineWord } from './timeline.js';

/** A word that is looked at: who has stored it last, and which warps have seen that. */
export interface WatchedWord {
  /** Row of the words; -1: nothing refers to it. */
  row: number;
  readonly allocation: Allocation;
  readonly offset: number;
  readonly bytes: number;
  /** Null: it belongs to no FIFO. */
  readonly ofFifo: FifoWord | null;
  readonly fifo: number;
  readonly elementBytes: number;
  /** 0: nobody has stored it. */
  storeStep: number;
  storeThread: number;
  storeSite: number;
  /** What was stored: a load that finds something else has not seen it. */
  low: number;
  high: number;
  isConsumed: boolean;
  readonly seenBy: number[];
}

/** The words of an allocation that are looked at. */
export interface AllocationWords {
  readonly fifos: FifoWords | null;
  /** Words of FIFOs by their first byte. */
  readonly ofFifos: Map<number, WatchedWord>;
  /** Words that have been polled, by each 32-bit word of theirs; null: none has. */
  polled: Map<number, WatchedWord> | null;
}

/** Words that tell threads something: those of FIFOs, and those that are polled. */
export class WordTracker {
  readonly #fifos: FifoRecorder;
  readonly #flowLimit: number;
  readonly #allocations = new WeakMap<Allocation, AllocationWords>();
  readonly #words: WatchedWord[] = [];
  readonly #flows = new GrowingTable({
    word: Int32Array,
    storeStep: Float64Array,
    storeThread: Int32Array,
    storeSite: Int32Array,
    loadStep: Float64Array,
    loadThread: Int32Array,
    loadSite: Int32Array,
  });
  /** Flows that are left out. */
  lostFlows = 0;

  constructor(fifos: FifoRecorder, flowLimit: number) {
    this.#fifos = fifos;
    this.#flowLimit = flowLimit;
  }

  of(allocation: Allocation): AllocationWords {
    let words = this.#allocations.get(allocation);
    if (words === undefined) {
      words = { fifos: allocation.symbols?.fifos ?? null, ofFifos: new Map(), polled: null };
      this.#allocations.set(allocation, words);
    }
    return words;
  }

  /** The word of a FIFO that begins at `offset`, as `FifoWords.wordWithin` gives it. */
  fifoWord(words: AllocationWords, allocation: Allocation, offset: number): WatchedWord {
    let word = words.ofFifos.get(offset);
    if (word === undefined) {
      const ofFifo = words.fifos!.wordFor(offset);
      if (ofFifo === null) throw new Error(`[simtwin bug] byte ${offset} of '${allocation.name}' is no word of a FIFO`);
      const fifo = this.#fifos.rowOf(ofFifo.fifo, allocation.space);
      word = newWord({ allocation, offset, bytes: 8, ofFifo, fifo, elementBytes: 8 });
      words.ofFifos.set(offset, word);
    }
    return word;
  }

  /** A word that an access touches and that has been polled; undefined: there is none. */
  polledWord({ polled }: AllocationWords, offset: number, bytes: number): WatchedWord | undefined {
    if (polled === null) return undefined;
    for (let at = offset >>> 2; at <= (offset + bytes - 1) >>> 2; at++) {
      const word = polled.get(at);
      if (word !== undefined) return word;
    }
    return undefined;
  }

  /** Row of the word that a warp polls which loads like this. From now on it is looked at. */
  polledRow(words: AllocationWords, allocation: Allocation, offset: number, instruction: AccessInstruction): number {
    const ofFifo = words.fifos?.wordFor(offset) ?? null;
    if (ofFifo !== null) return this.#rowOf(this.fifoWord(words, allocation, ofFifo.offsetBytes));
    const bytes = accessedBytes(instruction);
    let word = this.polledWord(words, offset, bytes);
    if (word === undefined) {
      const elementBytes = scalarBytes(instruction.elementType);
      word = newWord({ allocation, offset, bytes, ofFifo: null, fifo: -1, elementBytes });
      words.polled ??= new Map();
      for (let at = offset >>> 2; at <= (offset + bytes - 1) >>> 2; at++) words.polled.set(at, word);
    }
    return this.#rowOf(word);
  }

  /** A thread has stored to a word. */
  stored(word: WatchedWord, step: number, thread: number, site: number): void {
    const { allocation, offset, ofFifo } = word;
    word.storeStep = step;
    word.storeThread = thread;
    word.storeSite = site;
    word.low = allocation.u32[offset >>> 2]!;
    word.high = word.bytes > 4 ? allocation.u32[(offset >>> 2) + 1]! : 0;
    word.isConsumed = false;
    word.seenBy.length = 0;
    if (ofFifo === null) return;
    const kind = ofFifo.kind === 'flag' ? 'published' : ofFifo.kind;
    this.#fifos.add({ ...changeOf(word, ofFifo), kind }, step, thread, site);
  }

  /** A thread loads a word: the first of each warp that sees what another one has stored makes a flow. */
  loaded(word: WatchedWord, step: number, thread: number, site: number): void {
    const warp = thread >>> 5;
    if (word.storeStep === 0 || word.storeThread >>> 5 === warp || word.seenBy.includes(warp)) return;
    const { allocation, offset, ofFifo } = word;
    if (allocation.u32[offset >>> 2] !== word.low) return;
    if (word.bytes > 4 && allocation.u32[(offset >>> 2) + 1] !== word.high) return;
    word.seenBy.push(warp);
    if (ofFifo?.kind === 'flag' && !word.isConsumed) {
      word.isConsumed = true;
      this.#fifos.add({ ...changeOf(word, ofFifo), kind: 'consumed' }, step, thread, site);
    }
    if (this.#flows.count >= this.#flowLimit) {
      this.lostFlows++;
      return;
    }
    const row = this.#flows.add();
    const { columns } = this.#flows;
    columns.word[row] = this.#rowOf(word);
    columns.storeStep[row] = word.storeStep;
    columns.storeThread[row] = word.storeThread;
    columns.storeSite[row] = word.storeSite;
    columns.loadStep[row] = step;
    columns.loadThread[row] = thread;
    columns.loadSite[row] = site;
  }

  get flows(): FlowTable {
    return this.#flows.taken();
  }

  /** `fifoRows`: the row that each FIFO has in the end. */
  table(fifoRows: Int32Array): readonly TimelineWord[] {
    return this.#words.map((word) => {
      const { allocation, offset, fifo } = word;
      const address = allocation.base + offset;
      return {
        name: nameOf(word),
        address,
        isShared: address < SHARED_END,
        fifo: fifo === -1 ? -1 : fifoRows[fifo]!,
      };
    });
  }

  #rowOf(word: WatchedWord): number {
    if (word.row === -1) word.row = this.#words.push(word) - 1;
    return word.row;
  }
}

const newWord = (
  given: Pick<WatchedWord, 'allocation' | 'offset' | 'bytes' | 'ofFifo' | 'fifo' | 'elementBytes'>,
): WatchedWord => ({
  ...given,
  row: -1,
  storeStep: 0,
  storeThread: 0,
  storeSite: -1,
  low: 0,
  high: 0,
  isConsumed: false,
  seenBy: [],
});

const changeOf = ({ fifo, low, high }: WatchedWord, { slot, packet }: FifoWord) => ({
  fifo,
  value: low + high * 2 ** 32,
  low,
  slot,
  packet,
});

/** `tail of link 0 -> 1, channel 0`; `element 3 of 'counters'` where memory has no symbols. */
function nameOf({ allocation, offset, elementBytes }: WatchedWord): string {
  const symbol = allocation.symbols?.describe(offset) ?? null;
  return symbol === null
    ? `element ${Math.floor(offset / elementBytes)} of '${allocation.name}'`
    : formatSymbol(symbol);
}
