import { type AccessInstruction, accessedBytes } from '../program/index.js';
import type { Allocation, Launch } from '../simt/index.js';
import type { StepObserver } from '../step/index.js';
import type { StepBlock } from '../step/step-block.js';
import { type AccessReport, accessReport, wordText } from './findings.js';

/** A read of what an earlier launch has left, where the present launch of the kernel writes only afterwards. */
export interface StaleRead {
  readonly kind: 'stale read';
  /** Address of the first such word, and what is there. */
  readonly address: number;
  readonly word: string;
  readonly read: AccessReport;
  /** The store that came too late. */
  readonly write: AccessReport;
  /** Words and threads in which the two have met so. */
  readonly count: number;
}

interface Access {
  readonly instruction: AccessInstruction;
  readonly block: StepBlock;
  readonly rank: number;
}

interface Word {
  /** The launch that has written it last, by its number; 0: none. */
  writer: number;
  /** Stale reads after which nobody of their launch has written. */
  waiting: Access[];
  /** Those after which somebody has. */
  overtaken: { readonly read: Access; readonly write: Access }[];
}

/**
 * Finds stale reads in a run of mode `step` in which a kernel is launched several times on a device: launch n of one rank
 * belongs together with launch n of the others. What does not count:
 *
 * - a read that the thread repeats at the same place: it polls, and what it has read last is what it goes on with;
 * - atomics, which are meant to find what was there: counters go on from launch to launch;
 * - what the same thread writes, and what the host has written.
 */
export class StaleReadChecker implements StepObserver {
  /** By kernel and device: launches in the order in which they have started. */
  readonly #launches = new Map<string, Launch[]>();
  readonly #words = new Map<Allocation, Map<number, Word>>();
  #launch: Launch | null = null;
  #number = 0;

  /** What has been found so far: each pair of instructions once. To be asked when the run is over. */
  get findings(): readonly StaleRead[] {
    const found = new Map<string, StaleRead>();
    for (const [allocation, words] of this.#words) {
      for (const [word, { overtaken }] of words) {
        for (const { read, write } of overtaken) {
          const key = `${read.instruction.site} ${write.instruction.site} ${write.block.launch.name}`;
          const known = found.get(key);
          found.set(
            key,
            known === undefined
              ? {
                  kind: 'stale read',
                  address: allocation.base + 4 * word,
                  word: wordText(allocation, 4 * word),
                  read: reportOf(read, allocation),
                  write: reportOf(write, allocation),
                  count: 1,
                }
              : { ...known, count: known.count + 1 },
          );
        }
      }
    }
    return [...found.values()];
  }

  blockStarts({ launch }: StepBlock): void {
    const key = keyOf(launch);
    const launches = this.#launches.get(key) ?? [];
    this.#launches.set(key, launches);
    if (!launches.includes(launch)) launches.push(launch);
  }

  access(
    instruction: AccessInstruction,
    allocation: Allocation,
    offset: number,
    block: StepBlock,
    rank: number,
  ): boolean {
    const own = { instruction, block, rank };
    const number = this.#numberOf(block.launch);
    let words = this.#words.get(allocation);
    if (words === undefined) {
      words = new Map();
      this.#words.set(allocation, words);
    }
    const last = (offset + accessedBytes(instruction) - 1) >>> 2;
    for (let at = offset >>> 2; at <= last; at++) {
      let word = words.get(at);
      if (word === undefined) {
        word = { writer: 0, waiting: [], overtaken: [] };
        words.set(at, word);
      }
      if (instruction.op === 'load') this.#read(word, own, number);
      else this.#write(word, own, number);
    }
    return false;
  }

  stored(): void {}
  blockEnds(): void {}
  fence(): void {}
  meet(): void {}
  arrive(): void {}
  complete(): void {}

  #read(word: Word, own: Access, number: number): void {
    if (word.waiting.length > 0) word.waiting = word.waiting.filter((read) => !isRepeated(read, own));
    if (word.overtaken.length > 0) word.overtaken = word.overtaken.filter(({ read }) => !isRepeated(read, own));
    if (word.writer !== 0 && word.writer < number) word.waiting.push(own);
  }

  #write(word: Word, own: Access, number: number): void {
    if (own.instruction.op === 'store') {
      for (const read of word.waiting) {
        const isOther = read.block !== own.block || read.rank !== own.rank;
        const isTogether =
          read.block.launch.name === own.block.launch.name && this.#numberOf(read.block.launch) === number;
        if (isOther && isTogether) word.overtaken.push({ read, write: own });
      }
      word.waiting = [];
    }
    word.writer = Math.max(word.writer, number);
  }

  /** Which launch of its kernel on its device it is, from 1 on. */
  #numberOf(launch: Launch): number {
    if (launch !== this.#launch) {
      this.#launch = launch;
      this.#number = this.#launches.get(keyOf(launch))!.indexOf(launch) + 1;
    }
    return this.#number;
  }
}

const keyOf = ({ name, device }: Launch): string => `${device} ${name}`;

const isRepeated = (read: Access, own: Access): boolean =>
  read.rank === own.rank && read.block === own.block && read.instruction === own.instruction;

const reportOf = ({ instruction, block, rank }: Access, { space }: Allocation): AccessReport =>
  accessReport({ block }, rank, instruction, space.name);
