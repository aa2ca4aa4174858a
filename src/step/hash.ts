import { isWide, type ValueType } from '../program/index.js';
import { PHASE_EXITED, PHASE_PENDING } from '../simt/for-engines.js';
import { type Allocation, type MemoryRange, PAGE_BYTES } from '../simt/index.js';
import type { StepEngine } from './engine.js';
import { MASK, OPERAND_A, OPERAND_B, PC, RESULT, VALUES } from './layout.js';
import { wordsOf } from './slots.js';
import type { StepBlock } from './step-block.js';

export interface HashOptions {
  readonly mask?: {
    /** Variables and register arrays by name, in whatever function. */
    readonly variables?: readonly string[];
    readonly memory?: readonly MemoryRange[];
  };
  /** Also what decides the order of the steps to come: the ready set, the scheduler, the limits' counters. */
  readonly withSchedule?: boolean;
}

/** Two 32-bit hashes of a sequence of words. */
class Hasher {
  low = 0x9e3779b9 | 0;
  high = 0x243f6a88 | 0;

  word(word: number): void {
    const x = Math.imul(word ^ this.low, 0x85ebca6b);
    this.low = Math.imul((x ^ (x >>> 15)) + (this.high << 7), 0xc2b2ae35) ^ (x >>> 13);
    const y = Math.imul((word + 0x165667b1) ^ this.high, 0x27d4eb2f);
    this.high = Math.imul((y ^ (y >>> 16)) + (this.low >>> 9), 0x9e3779b1) ^ (y >>> 14);
  }

  /** A double; all NaN are one. */
  double(value: number): void {
    doubles[0] = value;
    if (Number.isNaN(value)) doubles[0] = Number.NaN;
    this.word(halves[0]!);
    this.word(halves[1]!);
  }

  text(text: string): void {
    for (let at = 0; at < text.length; at++) this.word(text.charCodeAt(at));
    this.word(-1);
  }

  /** Adds another hash; the order of several does not count. */
  addUnordered(other: Hasher): void {
    this.low = (this.low + other.low) | 0;
    this.high = (this.high + other.high) | 0;
  }

  get value(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }
}

const doubles = new Float64Array(1);
const halves = new Int32Array(doubles.buffer);

/** See {@link Inspector.hash}. */
export function hashOf(engine: StepEngine, { mask = {}, withSchedule = false }: HashOptions): bigint {
  const hasher = new Hasher();
  const masked = new Set(mask.variables ?? []);
  const numbers = new Map<number, number>();
  for (const [launch, number] of engine.launchNumbers) {
    hasher.word(number);
    hasher.word(launch.startedBlocks);
    hasher.word(launch.finishedBlocks);
  }
  let count = 0;
  for (const block of engine.residentBlocks) {
    for (let warp = 0; warp < block.warpCount; warp++) numbers.set(block.firstWarp + warp, count++);
    hashBlock(engine, block, masked, hasher);
  }
  for (const allocation of engine.host.memory.space.allocations) hashAllocation(allocation, mask.memory ?? [], hasher);
  for (const word of engine.delayed?.words() ?? []) hasher.word(word);
  if (withSchedule) hashSchedule(engine, numbers, hasher);
  return hasher.value;
}

function hashSchedule(engine: StepEngine, numbers: ReadonlyMap<number, number>, hasher: Hasher): void {
  const numberOf = (granule: number): number => {
    const parts = 1 << engine.warpShift;
    return numbers.get(granule >> engine.warpShift)! * parts + (granule & (parts - 1));
  };
  const ready = engine.ready.toArray();
  hasher.word(ready.length);
  for (const granule of ready) hasher.word(numberOf(granule));
  // The order of arrival at a barrier is that in which granules become ready.
  for (const { barriers } of engine.residentBlocks) {
    for (const barrier of barriers) {
      for (const { warpIndex, lanes } of barrier?.waiting ?? []) {
        hasher.word(warpIndex);
        hasher.word(lanes);
      }
    }
  }
  const { granule, wrote } = engine.last;
  hasher.word(granule === null ? -1 : numberOf(granule as number));
  hasher.word(wrote ? 1 : 0);
  for (const word of engine.host.scheduler.state) hasher.double(word);
  hasher.double(engine.idleSteps);
  hasher.double(engine.counterSteps);
}

function hashBlock(engine: StepEngine, block: StepBlock, masked: ReadonlySet<string>, hasher: Hasher): void {
  const { arena, launch, blockIdx, firstWarp } = block;
  hasher.word(engine.launchNumbers.get(launch)!);
  for (const axis of [blockIdx.x, blockIdx.y, blockIdx.z]) hasher.word(axis);
  for (let rank = 0; rank < launch.threadIdxs.length; rank++) {
    const b = block.rows + rank * arena.rowWords;
    hashThread(block, b, engine.phaseOf(block, rank), masked, hasher);
  }
  for (let warp = firstWarp; warp < firstWarp + block.warpCount; warp++) {
    for (const { opcode, mask, arrived } of engine.pending[warp] ?? []) {
      const group = new Hasher();
      for (const word of [warp - firstWarp, opcode, mask, arrived]) group.word(word);
      hasher.addUnordered(group);
    }
  }
  block.barriers.forEach((barrier, id) => {
    if (barrier === null || !barrier.inUse) return;
    hasher.word(id);
    hasher.double(barrier.expected);
    for (const lanes of barrier.lanes) hasher.word(lanes);
    for (const hasArrived of barrier.hasArrived) hasher.word(hasArrived);
  });
  for (let warp = firstWarp; warp < firstWarp + block.warpCount; warp++) hasher.word(engine.lanesOnlyArriving[warp]!);
  for (const [name, { pointer }] of block.sharedVariables) {
    hasher.text(name);
    if (!masked.has(name)) hashAllocation(pointer.allocation, [], hasher);
  }
}

function hashThread(block: StepBlock, b: number, phase: number, masked: ReadonlySet<string>, hasher: Hasher): void {
  if (phase === PHASE_EXITED) {
    hasher.word(-1);
    return;
  }
  const { L, D, U, code } = block.arena;
  const { layout, emitted, visible } = code;
  const { variables, arrays } = emitted.program;
  const pc = L[b + PC]!;
  hasher.word(pc);
  hasher.word(phase === PHASE_PENDING ? 1 : 0);
  const value = (type: ValueType, word: number) => {
    if (type === 'f64' || type === 'ptr') hasher.double(D[word >> 1]!);
    else {
      hasher.word(L[word]!);
      if (isWide(type)) hasher.word(L[word + 1]!);
    }
  };
  const live = layout.liveAt[pc]!;
  for (const index of live.variables) {
    const { name, type } = variables[index]!;
    if (layout.slots[index] === -1 || (name !== null && masked.has(name))) continue;
    value(type, b + layout.slots[index]!);
  }
  for (const index of live.arrays) {
    const { slot, count, elementWords, definedByte } = layout.arrays[index]!;
    const { name } = arrays[index]!;
    if (name !== null && masked.has(name)) continue;
    for (let word = 0; word < count * elementWords; word++) hasher.word(L[b + slot + word]!);
    for (let at = 0; at < count; at++) hasher.word(U[b * 4 + definedByte + at]!);
  }
  if (phase === PHASE_PENDING) {
    // Operands that the operation does not have are those of an earlier one.
    const { instruction } = layout.visible[pc]!;
    const isCollect = instruction.op === 'collective';
    hasher.word(L[b + MASK]!);
    if (!isCollect || instruction.a !== null) hasher.double(D[(b + OPERAND_A) >> 1]!);
    if (!isCollect || instruction.b !== null) hasher.double(D[(b + OPERAND_B) >> 1]!);
    if (isCollect && instruction.value !== null) value(visible.valueType[pc]!, b + VALUES);
    return;
  }
  if (!live.result) return;
  const instruction = layout.visible[pc]!.instruction;
  if (instruction.op === 'load') {
    const { length } = instruction.to;
    instruction.to.forEach((target, index) => {
      if (target.kind !== 'variable') return;
      const { type } = variables[target.index]!;
      value(type, b + (length === 1 ? RESULT : VALUES + index * wordsOf(type)));
    });
  } else if ('to' in instruction && typeof instruction.to === 'number' && instruction.to !== -1) {
    value(variables[instruction.to]!.type, b + RESULT);
  }
}

/** Pages that hold their initial zeros count as if nobody had touched them. */
function hashAllocation(allocation: Allocation, mask: readonly MemoryRange[], hasher: Hasher): void {
  const { i32, changedBits } = allocation;
  if (allocation.freed) hasher.word(1);
  const sum = new Hasher();
  for (const page of allocation.writtenPages()) {
    const first = page * PAGE_BYTES;
    const bytes = Math.min(PAGE_BYTES, i32.length * 4 - first);
    const isMasked = mask.some(
      ({ address, bytes: length }) =>
        address < allocation.base + first + bytes && allocation.base + first < address + length,
    );
    const words = isMasked ? maskedWords(allocation, first, bytes, mask) : i32;
    const at = isMasked ? 0 : first >>> 2;
    const ofPage = new Hasher();
    ofPage.word(page);
    let isZero = true;
    for (let word = 0; word < bytes >>> 2; word++) {
      const value = words[at + word]!;
      if (value === 0) continue;
      isZero = false;
      ofPage.word(word);
      ofPage.word(value);
    }
    if (changedBits !== null && !isMasked) {
      for (let index = first >>> 3; index < (first + bytes) >>> 3; index++) {
        const bits = changedBits[index]!;
        if (bits === 0) continue;
        isZero = false;
        ofPage.word(~index);
        ofPage.word(bits);
      }
    }
    if (!isZero) sum.addUnordered(ofPage);
  }
  hasher.word(sum.low);
  hasher.word(sum.high);
}

/** The words of a page with masked bytes as zeros. */
function maskedWords({ u8, base }: Allocation, first: number, bytes: number, mask: readonly MemoryRange[]): Int32Array {
  const copy = u8.slice(first, first + bytes);
  for (const { address, bytes: length } of mask) {
    const from = Math.max(0, address - base - first);
    const to = Math.min(bytes, address + length - base - first);
    if (from < to) copy.fill(0, from, to);
  }
  return new Int32Array(copy.buffer);
}
