import { brev, divI32, ffs, popc, remI32 } from '../simt/index.js';

const words = new Int32Array(2);
const asU64 = new BigUint64Array(words.buffer);
const asI64 = new BigInt64Array(words.buffer);

/** The bigint of two words. */
export function bigintOf(low: number, high: number, isSigned: boolean): bigint {
  words[0] = low;
  words[1] = high;
  return isSigned ? asI64[0]! : asU64[0]!;
}

/** The low word of `value` modulo 2^64; the high one goes to `runtime.high`. */
export function splitBigint(value: bigint): number {
  asU64[0] = value;
  arithmeticRuntime.high = words[1]!;
  return words[0]!;
}

/**
 * What compiled code calls for operations that are no single JavaScript operator. A 64-bit result is its low word; the
 * high word is in `high` until the next call.
 */
export const arithmeticRuntime = {
  high: 0,
  popc,
  ffs,
  brev,

  /** @throws RangeError if `b` is 0. Domain: both signed or both unsigned words. */
  div32(a: number, b: number): number {
    if (b === 0) return divI32(a, b);
    return Math.trunc(a / b);
  },
  /** @throws RangeError if `b` is 0. */
  rem32(a: number, b: number): number {
    if (b === 0) return remI32(a, b);
    return a % b;
  },
  mulhiU32: (a: number, b: number): number => mulhiUnsigned(a, b),
  mulhiI32: (a: number, b: number): number => (mulhiUnsigned(a >>> 0, b >>> 0) - (a < 0 ? b : 0) - (b < 0 ? a : 0)) | 0,

  ffs64: (low: number, high: number): number => (low !== 0 ? ffs(low) : high !== 0 ? 32 + ffs(high) : 0),
  mul64(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
    arithmeticRuntime.high =
      (mulhiUnsigned(aLow >>> 0, bLow >>> 0) + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow)) | 0;
    return Math.imul(aLow, bLow);
  },
  mulhi64(aLow: number, aHigh: number, bLow: number, bHigh: number, isSigned: boolean): number {
    return splitBigint((bigintOf(aLow, aHigh, isSigned) * bigintOf(bLow, bHigh, isSigned)) >> 64n);
  },
  /** @throws RangeError if the divisor is 0. */
  div64(aLow: number, aHigh: number, bLow: number, bHigh: number, isSigned: boolean): number {
    if (aHigh === 0 && bHigh === 0 && bLow !== 0) {
      arithmeticRuntime.high = 0;
      return ((aLow >>> 0) / (bLow >>> 0)) | 0;
    }
    return splitBigint(bigintOf(aLow, aHigh, isSigned) / bigintOf(bLow, bHigh, isSigned));
  },
  /** @throws RangeError if the divisor is 0. */
  rem64(aLow: number, aHigh: number, bLow: number, bHigh: number, isSigned: boolean): number {
    if (aHigh === 0 && bHigh === 0 && bLow !== 0) {
      arithmeticRuntime.high = 0;
      return ((aLow >>> 0) % (bLow >>> 0)) | 0;
    }
    return splitBigint(bigintOf(aLow, aHigh, isSigned) % bigintOf(bLow, bHigh, isSigned));
  },
  /** Domain of `count`: u32. */
  shl64(low: number, high: number, count: number): number {
    if (count > 31) {
      arithmeticRuntime.high = count > 63 ? 0 : low << (count - 32);
      return 0;
    }
    arithmeticRuntime.high = count === 0 ? high : (high << count) | (low >>> (32 - count));
    return low << count;
  },
  shrU64(low: number, high: number, count: number): number {
    if (count > 31) {
      arithmeticRuntime.high = 0;
      return count > 63 ? 0 : (high >>> (count - 32)) | 0;
    }
    arithmeticRuntime.high = (high >>> count) | 0;
    return count === 0 ? low : (low >>> count) | (high << (32 - count));
  },
  shrI64(low: number, high: number, count: number): number {
    if (count > 31) {
      arithmeticRuntime.high = high >> 31;
      return high >> (count > 63 ? 31 : count - 32);
    }
    arithmeticRuntime.high = high >> count;
    return count === 0 ? low : (low >>> count) | (high << (32 - count));
  },
  /** A 64-bit word rounded to a double. */
  numberOf64(low: number, high: number, isSigned: boolean): number {
    // Exact while the product is: 53 bits.
    const top = isSigned ? high : high >>> 0;
    if (top >= -0x100000 && top < 0x200000) return top * 0x1_0000_0000 + (low >>> 0);
    return Number(bigintOf(low, high, isSigned));
  },
  /** @throws RangeError unless `x` is an integer. */
  wordsOfF64(x: number): number {
    if (x >= -0x8000_0000 && x <= 0x7fff_ffff && Math.trunc(x) === x) {
      arithmeticRuntime.high = x < 0 ? -1 : 0;
      return x | 0;
    }
    return splitBigint(BigInt(x));
  },
  /** The signed product of a 64-bit word and an element's size, wrapped at 64 bits, as a double. */
  signed64Times(low: number, high: number, bytes: number): number {
    if (high < 0x10_0000 && high >= -0x10_0000) {
      return (high * 0x1_0000_0000 + (low >>> 0)) * bytes;
    }
    return Number(BigInt.asIntN(64, bigintOf(low, high, true) * BigInt(bytes)));
  },
  /**
   * The address that a 64-bit word is. Global memory lies above 2^46; below, where back ends have shared memory, there
   * is nothing: such an address becomes negative, unless it is so small that none of them has anything there.
   */
  globalAddress(low: number, high: number): number {
    const address = (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
    return high >>> 0 < 0x4000 && address >= 0x80_0000 ? -address : address;
  },
  isTruthy: (x: number): boolean => x !== 0 && !Number.isNaN(x),
};

/** Bits 32 to 63 of the product of two unsigned words. */
function mulhiUnsigned(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const carry = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}
