import { arithmeticRuntime, bigintOf, splitBigint } from '../program/index.js';
import type { Allocation } from '../simt/allocation.js';
import { performAtomic } from '../simt/atomics.js';
import { Fault } from '../simt/errors.js';
import {
  OP_ATOMIC_ADD,
  OP_ATOMIC_AND,
  OP_ATOMIC_CAS,
  OP_ATOMIC_DEC,
  OP_ATOMIC_EXCH,
  OP_ATOMIC_INC,
  OP_ATOMIC_MAX,
  OP_ATOMIC_MIN,
  OP_ATOMIC_OR,
  OP_ATOMIC_SUB,
  OP_ATOMIC_XOR,
} from '../simt/operation.js';
import type { ScalarType } from '../simt/scalar.js';
import { LANES } from './layout.js';
import type { FastWarp } from './warp.js';

/**
 * Shared memory of the blocks has addresses of its own in compiled code, so that a cached address is never another
 * block's: block n's variables begin at n * 2^24. All lie below the first address of global memory.
 */
export const SHARED_WINDOW_BYTES = 2 ** 24;
/** Windows below the first address of global memory. */
export const SHARED_WINDOWS = 2 ** 22;

/** What the engine does for compiled code that concerns the machine, not the warp. */
export interface RuntimeHost {
  /** Finds what a global or shared address belongs to. @throws Fault */
  locate(warp: FastWarp, address: number, bytes: number, access: 'load' | 'store' | 'atomic'): Located;
  /** What holds an address and may be accessed; null: nothing. */
  find(warp: FastWarp, address: number): Located | null;
  shared(warp: FastWarp, name: string, type: ScalarType, count: number): number;
  exitLanes(warp: FastWarp, lanes: number): void;
  performTogether(warp: FastWarp, suspended: number, lanes: number): void;
  endless(warp: FastWarp, lane: number, position: number): never;
  checkTogether(warp: FastWarp, suspended: number, lanes: number): void;
  notInMask(warp: FastWarp, suspended: number, lanes: number, mask: number): never;
}

/** An allocation, and the address of its first byte as compiled code sees it. */
export interface Located {
  readonly allocation: Allocation;
  readonly base: number;
}

const ATOMIC_OPCODES = {
  add: OP_ATOMIC_ADD,
  sub: OP_ATOMIC_SUB,
  exch: OP_ATOMIC_EXCH,
  min: OP_ATOMIC_MIN,
  max: OP_ATOMIC_MAX,
  inc: OP_ATOMIC_INC,
  dec: OP_ATOMIC_DEC,
  cas: OP_ATOMIC_CAS,
  and: OP_ATOMIC_AND,
  or: OP_ATOMIC_OR,
  xor: OP_ATOMIC_XOR,
} as const;

const NOTHING = {
  i8: new Int8Array(0),
  u8: new Uint8Array(0),
  i16: new Int16Array(0),
  u16: new Uint16Array(0),
  i32: new Int32Array(0),
  pageFlags: new Uint8Array(0),
  mayHoldUndefined: false as boolean,
  changedBits: null as Uint8Array | null,
};

/** The part of an {@link Allocation} that compiled code uses. */
type AllocationViews = Pick<Allocation, keyof typeof NOTHING>;

/** One access in the code: remembers the allocation that it last touched, so that the next access need not look it up. */
class AccessSite {
  readonly bytes: number;
  /** `sizeof` an element, less 1. */
  readonly elementMask: number;
  readonly access: 'load' | 'store' | 'atomic';
  allocation: AllocationViews = NOTHING;
  /** Addresses at which an access is inside: none at first. */
  lo = 1;
  hi = 0;
  /** Last offset at which an access is inside; -1: none. */
  last = -1;
  /** Address of the allocation modulo 16. */
  low = 0;
  /** What a bit of definedness is when it differs from none: 0xff in memory that began defined. */
  flip = 0;
  pages: Uint8Array = NOTHING.pageFlags;

  constructor(bytes: number, elementBytes: number, access: 'load' | 'store' | 'atomic') {
    this.bytes = bytes;
    this.elementMask = elementBytes - 1;
    this.access = access;
  }

  /** The bitmap of definedness; null while every byte is defined. */
  bits(): Uint8Array | null {
    const { allocation } = this;
    return allocation.mayHoldUndefined ? allocation.changedBits : null;
  }

  /** Marks aligned bytes as defined in the bitmap; `size` is 1, 2, 4 or a multiple of 8. True: some were not. */
  defineAll(offset: number, size: number): boolean {
    const bitmap = this.allocation.changedBits!;
    const bits = size < 8 ? ((1 << size) - 1) << (offset & 7) : 0xff;
    const last = (offset + size - 1) >>> 3;
    let hasChanged = false;
    for (let at = offset >>> 3; at <= last; at++) {
      const old = bitmap[at]!;
      const next = this.flip === 0 ? old | bits : old & ~bits;
      if (next === old) continue;
      bitmap[at] = next;
      (this.allocation as Allocation).countChange(old, next);
      hasChanged = true;
    }
    return hasChanged;
  }

  forget(): void {
    this.allocation = NOTHING;
    this.lo = 1;
    this.hi = 0;
    this.last = -1;
    this.pages = NOTHING.pageFlags;
  }

  point({ allocation, base }: Located): void {
    if (allocation.mayHoldUndefined) allocation.makeChangedBits();
    this.allocation = allocation;
    this.lo = base;
    this.last = allocation.accessibleBytes - this.bytes;
    this.low = allocation.baseLow & 15;
    this.hi = base + this.last;
    this.flip = allocation.initiallyDefined ? 0xff : 0;
    this.pages = allocation.pageFlags;
  }
}

/** Told of every access of compiled code. */
export interface TraceSink {
  /** The accesses that follow are of this warp. */
  turnTo(warp: FastWarp): void;
  /** `what`: the access as {@link traceWord} says it, and the lane. */
  access(what: number, address: number): void;
}

/**
 * What compiled code calls and where it leaves operands: `E` in its text. There is one, so that code that has become
 * fast stays so from machine to machine; the engine that steps binds itself to it.
 */
class Runtime {
  /** Lane and source site of what is going on, for errors. Set before whatever may throw by itself. */
  lane = 0;
  position = 0;
  // Operands of warp-wide operations by lane: member mask, value (words or double), two more operands.
  readonly xm = new Int32Array(LANES);
  readonly xl = new Int32Array(LANES);
  readonly xh = new Int32Array(LANES);
  readonly xd = new Float64Array(LANES);
  readonly xa = new Float64Array(LANES);
  readonly xb = new Float64Array(LANES);
  // Results by lane.
  readonly yl = new Int32Array(LANES);
  readonly yh = new Int32Array(LANES);
  readonly yd = new Float64Array(LANES);
  // Masks that a lane loop returns beside the first.
  m0 = 0;
  m1 = 0;
  m2 = 0;
  m3 = 0;
  m4 = 0;
  m5 = 0;
  m6 = 0;
  m7 = 0;
  /** Whether memory has been stored to, or changed by an atomic, since the engine last looked. */
  stored = false;
  /** Whether there has been a store of something new that the scheduler does not see. */
  storedPlainly = false;
  counted = false;
  /** Rounds of counted loops in this step. */
  rounds = 0;
  sink: TraceSink | null = null;
  #host: RuntimeHost | null = null;
  readonly #sites: AccessSite[] = [];

  /** Makes `host` the engine that compiled code works for. What was remembered for another one is forgotten. */
  bind(host: RuntimeHost): void {
    if (this.#host === host) return;
    this.release();
    this.#host = host;
  }

  /** Forgets every allocation, so that memory can be collected. */
  release(): void {
    this.#host = null;
    for (const site of this.#sites) site.forget();
  }

  site(bytes: number, elementBytes: number, access: 'load' | 'store' | 'atomic'): AccessSite {
    const site = new AccessSite(bytes, elementBytes, access);
    this.#sites.push(site);
    return site;
  }

  /** Points a site at the allocation of an address. @throws Fault OUT_OF_BOUNDS, MISALIGNED, USE_AFTER_FREE, INVALID_OPERAND */
  miss(site: AccessSite, warp: FastWarp, address: number, lane: number, position: number): void {
    this.lane = lane;
    this.position = position;
    site.point(this.#host!.locate(warp, address, site.bytes, site.access));
  }

  /**
   * Where `base` lies relative to the allocation of a site: an offset, whatever its size. The site turns to the allocation
   * that holds the base, if there is one. A base that is misaligned for the elements gives an offset that is none.
   */
  relative(site: AccessSite, warp: FastWarp, base: number): number {
    if (!(base >= site.lo && base <= site.hi)) {
      const found = this.#host!.find(warp, base);
      if (found !== null) site.point(found);
    }
    const offset = base - site.lo;
    const small = offset | 0;
    if ((small & site.elementMask) !== 0) return Number.NEGATIVE_INFINITY;
    return small === offset ? small : offset;
  }

  /**
   * The offset of lane 0 if 32 accesses from `address` to `last`, `stride` apart, are inside one allocation, aligned, and
   * at offsets of 31 bits; else -1: also if the lanes do not follow the stride, because arithmetic has wrapped. The pages that they store to are marked. Domain: the stride is a multiple of the size.
   */
  strided(site: AccessSite, warp: FastWarp, address: number, last: number, stride: number): number {
    const span = (LANES - 1) * stride;
    if (last - address !== span) return -1;
    if (!(address >= site.lo && address + span <= site.hi)) {
      const found = this.#host!.find(warp, address);
      if (found === null) return -1;
      site.point(found);
      if (!(address >= site.lo && address + span <= site.hi)) return -1;
    }
    const offset = address - site.lo;
    const first = offset | 0;
    if (first !== offset || offset + span > 0x7fffffff || ((first + site.low) & (site.bytes - 1)) !== 0) return -1;
    if (site.access === 'store') {
      const { pages } = site;
      const lastPage = (first + span + site.bytes - 1) >>> 12;
      for (let page = first >>> 12; page <= lastPage; page++) pages[page] = 1;
    }
    return first;
  }

  /** As {@link miss}; the result is {@link relative}. */
  missRelative(
    site: AccessSite,
    warp: FastWarp,
    address: number,
    base: number,
    lane: number,
    position: number,
  ): number {
    this.miss(site, warp, address, lane, position);
    const offset = base - site.lo;
    const small = offset | 0;
    return small === offset ? small : offset;
  }

  undefinedRead(
    site: AccessSite,
    offset: number,
    _warp: FastWarp,
    lane: number,
    position: number,
    type: ScalarType,
  ): void {
    this.lane = lane;
    this.position = position;
    (site.allocation as Allocation).readDefined(type, offset);
  }

  undefinedRegister(_warp: FastWarp, lane: number, position: number, type: ScalarType): never {
    this.lane = lane;
    this.position = position;
    throw new Fault('UNDEFINED_READ', `uses a register of type ${type} that holds undefined bytes`);
  }

  /** Bits of definedness of a lane's register that is not wholly defined; its masks are at `at` of `V`. */
  registerBits({ V, partly }: FastWarp, at: number, lane: number): number {
    return (V[at + 1]! & (1 << lane)) === 0 ? 0 : partly!.get(at * LANES + lane)!;
  }

  /** Sets them: `full` is all of them. */
  defineRegister(warp: FastWarp, at: number, lane: number, bits: number, full: number): void {
    const { V } = warp;
    const bit = 1 << lane;
    if (bits === full) {
      V[at]! |= bit;
      return;
    }
    V[at]! &= ~bit;
    if (bits === 0) V[at + 1]! &= ~bit;
    else {
      V[at + 1]! |= bit;
      warp.partly ??= new Map();
      warp.partly.set(at * LANES + lane, bits);
    }
  }

  /** Sets bits of definedness of a scalar, whether there is a bitmap yet or not. */
  define(site: AccessSite, offset: number, bytes: 1 | 2 | 4 | 8, defined: number): void {
    (site.allocation as Allocation).setDefined(offset, bytes, defined);
  }

  /** An index outside of a register array or of a constant one; `what` says so, with # for the index. */
  outside(_warp: FastWarp, index: number, lane: number, position: number, what: string): never {
    this.lane = lane;
    this.position = position;
    throw new Fault('OUT_OF_BOUNDS', what.replace('#', String(index)));
  }

  atomic32(
    site: AccessSite,
    offset: number,
    type: ScalarType,
    operator: keyof typeof ATOMIC_OPCODES,
    value: number,
    compare: number,
  ): number {
    const allocation = site.allocation as Allocation;
    const old = performAtomic(allocation, offset, type, ATOMIC_OPCODES[operator], value, compare) as number;
    if (!((operator === 'cas' && old !== compare) || (operator === 'exch' && old === value))) this.counted = true;
    return old;
  }

  /** The low word of the old value; the high one is in `R.high`. */
  atomic64(
    site: AccessSite,
    offset: number,
    type: 'i64' | 'u64',
    operator: keyof typeof ATOMIC_OPCODES,
    low: number,
    high: number,
    compareLow: number,
    compareHigh: number,
  ): number {
    const isSigned = type === 'i64';
    const value = bigintOf(low, high, isSigned);
    const compare = bigintOf(compareLow, compareHigh, isSigned);
    const allocation = site.allocation as Allocation;
    const old = performAtomic(allocation, offset, type, ATOMIC_OPCODES[operator], value, compare) as bigint;
    if (!((operator === 'cas' && old !== compare) || (operator === 'exch' && old === value))) this.counted = true;
    return splitBigint(old);
  }

  shared(warp: FastWarp, name: string, type: ScalarType, count: number, lane: number, position: number): number {
    this.lane = lane;
    this.position = position;
    return this.#host!.shared(warp, name, type, count);
  }

  endless(warp: FastWarp, lane: number, position: number): never {
    return this.#host!.endless(warp, lane, position);
  }

  kernelThrew(message: string): Fault {
    return new Fault('KERNEL_THREW', message);
  }

  /** Results of a vote of the live lanes, each among those of its mask at `place` of `V`: whether any, or all, are in `votes`. */
  vote(isOfAll: boolean, votes: number, live: number, V: Int32Array, place: number): void {
    const { yl } = this;
    for (let lane = 0; lane < LANES; lane++) {
      const members = V[place + lane]! & live;
      const mine = votes & members;
      yl[lane] = mine !== 0 && (!isOfAll || mine === members) ? 1 : 0;
    }
  }

  exitLanes(warp: FastWarp, lanes: number): void {
    this.#host!.exitLanes(warp, lanes);
  }

  performTogether(warp: FastWarp, suspended: number, lanes: number): void {
    this.#host!.performTogether(warp, suspended, lanes);
  }

  /** Member masks of a vote lie in `V` from `place` on. @throws as {@link performTogether} */
  checkMasks(warp: FastWarp, suspended: number, lanes: number, V: Int32Array, place: number): void {
    for (let lane = 0; lane < LANES; lane++) this.xm[lane] = V[place + lane]!;
    this.#host!.checkTogether(warp, suspended, lanes);
  }

  notInMask(warp: FastWarp, suspended: number, lanes: number, mask: number): never {
    return this.#host!.notInMask(warp, suspended, lanes, mask);
  }
}

export const runtime = new Runtime();
/** `R` in the text of compiled code. */
export const arithmetic = arithmeticRuntime;
