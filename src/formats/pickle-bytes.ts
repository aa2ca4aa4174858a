import { OP } from './pickle-opcodes.js';
import { PickleProblem, type PickleValue } from './pickle-values.js';

const MOST_NAME_BYTES = 256;

/** Reads a pickle from front to back. What it returns is part of the bytes, or no longer than they are. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The position of the next byte. */
  get at(): number {
    return this.#at;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  /** Big-endian, unlike everything else. */
  f64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** A size of 64 bits; beyond 2^53 only about right. */
  size64(): number {
    const low = this.u32();
    return low + this.u32() * 2 ** 32;
  }

  /** Two's complement of any length, least byte first. */
  long(bytes: number): number | bigint {
    let value = 0n;
    for (const byte of this.raw(bytes).toReversed()) value = (value << 8n) | BigInt(byte);
    value = BigInt.asIntN(8 * bytes, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  raw(bytes: number): Uint8Array {
    const from = this.#skip(bytes);
    return this.#bytes.subarray(from, from + bytes);
  }

  text(bytes: number): string {
    const raw = this.raw(bytes);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
    } catch {
      throw new PickleProblem('a string that is not UTF-8');
    }
  }

  /** A name up to the end of its line. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > MOST_NAME_BYTES) throw new PickleProblem('a global whose name does not end');
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  #skip(bytes: number): number {
    const from = this.#at;
    if (from + bytes > this.#bytes.length) throw new PickleProblem(`${this.left} bytes where ${bytes} are needed`);
    this.#at = from + bytes;
    return from;
  }
}

/** The value that an opcode and its operand are; undefined if it is none of these opcodes. */
export function plainValue(opcode: number, bytes: PickleBytes): PickleValue | undefined {
  switch (opcode) {
    case OP.NONE:
      return null;
    case OP.NEWTRUE:
      return true;
    case OP.NEWFALSE:
      return false;
    case OP.BININT:
      return bytes.i32();
    case OP.BININT1:
      return bytes.u8();
    case OP.BININT2:
      return bytes.u16();
    case OP.LONG1:
      return bytes.long(bytes.u8());
    case OP.BINFLOAT:
      return bytes.f64();
    case OP.SHORT_BINUNICODE:
      return bytes.text(bytes.u8());
    case OP.BINUNICODE:
      return bytes.text(bytes.u32());
    case OP.BINUNICODE8:
      return bytes.text(bytes.size64());
    case OP.SHORT_BINBYTES:
      return bytes.raw(bytes.u8());
    case OP.BINBYTES:
      return bytes.raw(bytes.u32());
    case OP.BINBYTES8:
      return bytes.raw(bytes.size64());
    default:
      return undefined;
  }
}
