import type { StandingBlock } from '../hang/index.js';
import type { InstructionOf } from '../program/index.js';
import { Fault } from '../simt/for-engines.js';
import { type ScalarType, scalarBytes } from '../simt/index.js';
import type { Recording } from './recording.js';
import { Beyond, type Value, wordOf } from './values.js';

/** Memory as the lanes of a dry run see it: what they store is their own secret. */
export class DryMemory {
  readonly #block: StandingBlock;
  /** What has been stored, by address. */
  readonly #stored = new Map<number, Value>();

  constructor(block: StandingBlock) {
    this.#block = block;
  }

  /** What a load or an atomic reads; a load from the machine's memory is recorded. @throws Beyond if it cannot be read */
  read(address: number, type: ScalarType, instruction: InstructionOf<'load' | 'atomic'>, recording: Recording): Value {
    const own = this.#stored.get(address);
    if (own !== undefined || this.#stored.has(address)) return own;
    const { allocation, offset, isShared } = this.#locate(address, scalarBytes(type));
    const value = allocation.read(type, offset) as number | bigint;
    const isPolled = instruction.op === 'atomic' || instruction.ordering !== 'plain';
    const load = { allocation, offset, type, value, isShared, isPolled, site: instruction.site };
    recording.load(load);
    return { kind: 'load', value, load };
  }

  store(address: number, value: Value): void {
    this.#stored.set(address, value);
  }

  /** Whether an address is in shared memory. @throws Beyond if nobody may access it */
  isShared(address: number, bytes: number): boolean {
    return this.#locate(address, bytes).isShared;
  }

  /** What has been loaded and stored again becomes plain values. */
  freeze(): void {
    for (const [address, value] of this.#stored) this.#stored.set(address, wordOf(value));
  }

  #locate(address: number, bytes: number) {
    try {
      const { allocation, offset } = this.#block.locate(address, bytes, 'load');
      return { allocation, offset, isShared: allocation.space.name === 'shared' };
    } catch (error) {
      if (error instanceof Fault) throw new Beyond();
      throw error;
    }
  }
}
