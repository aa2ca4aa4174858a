import { Fault } from './errors.js';
import { type Scalar, type ScalarType, type ScalarValue, scalarOf } from './scalar.js';

// Conversion between a 64-bit value and its words without arithmetic on bigints. Little-endian, as the device is.
const words = new Int32Array(2);
const wordsAsU64 = new BigUint64Array(words.buffer);
const wordsAsI64 = new BigInt64Array(words.buffer);

/**
 * A thread's register that carries the definedness of each byte. It starts undefined, as hardware registers do.
 * Loads, stores and {@link assign} move undefined bytes; {@link value} refuses them. A TypeScript local needs no register:
 * the compiler already proves that it is assigned before use.
 */
export class Register<T extends ScalarType = ScalarType> {
  readonly scalar: Scalar<T>;
  /** Bits 0-31, signed. */
  low = 0;
  /** Bits 32-63, signed; 0 for narrower types. */
  high = 0;
  /** One bit a byte: 1 if the byte is defined. */
  defined = 0;

  constructor(type: T) {
    this.scalar = scalarOf(type);
  }

  /**
   * The register's value.
   * @throws SimtError UNDEFINED_READ if a byte of it was never defined.
   */
  get value(): ScalarValue<T> {
    const { type, bytes } = this.scalar;
    if (this.defined !== (1 << bytes) - 1) {
      throw new Fault('UNDEFINED_READ', `uses a register of type ${type} that holds undefined bytes`);
    }
    return fromWords(type, this.low, this.high) as ScalarValue<T>;
  }

  /** `this = source`, undefined bytes included. */
  assign(source: Register<T>): void {
    this.low = source.low;
    this.high = source.high;
    this.defined = source.defined;
  }

  /** `this = value`; the register becomes defined. */
  set(value: ScalarValue<T>): void {
    if (typeof value === 'bigint') {
      wordsAsU64[0] = value;
      this.low = words[0]!;
      this.high = words[1]!;
    } else {
      this.low = (value as number) | 0;
      this.high = 0;
    }
    this.defined = (1 << this.scalar.bytes) - 1;
  }
}

function fromWords(type: ScalarType, low: number, high: number): number | bigint {
  switch (type) {
    case 'i8':
      return (low << 24) >> 24;
    case 'u8':
      return low & 0xff;
    case 'i16':
      return (low << 16) >> 16;
    case 'u16':
      return low & 0xffff;
    case 'i32':
      return low;
    case 'u32':
    case 'f32':
      return low >>> 0;
    case 'u64':
      words[0] = low;
      words[1] = high;
      return wordsAsU64[0]!;
    case 'i64':
      words[0] = low;
      words[1] = high;
      return wordsAsI64[0]!;
    default:
      return type satisfies never;
  }
}

/** A local array of registers: `T regs[count]`. */
export class RegisterArray<T extends ScalarType> {
  readonly #registers: readonly Register<T>[];

  constructor(type: T, count: number) {
    this.#registers = Array.from({ length: count }, () => new Register(type));
  }

  get length(): number {
    return this.#registers.length;
  }

  /**
   * The register `regs[index]`.
   * @throws SimtError OUT_OF_BOUNDS if there is none.
   */
  at(index: number): Register<T> {
    const register = this.#registers[index];
    if (register === undefined) {
      throw new Fault('OUT_OF_BOUNDS', `register index ${index} of an array of ${this.#registers.length}`);
    }
    return register;
  }
}
