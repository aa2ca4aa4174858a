import { CaptureError } from './capture-error.js';
import type { Dtype, Tensor } from './safetensors.js';

/** One dimension that a tensor must have: `size` elements, or any number of them if it is null. */
export interface Dimension {
  readonly label: string;
  readonly size: number | null;
}

/** A dimension of exactly `size`; `label` says in an error where the size comes from. */
export function exactly(label: string, size: number): Dimension {
  return { label, size };
}

/** A dimension of any size. */
export function any(label: string): Dimension {
  return { label, size: null };
}

/**
 * Takes the tensors of a capture one by one as typed arrays, and remembers which are left.
 *
 * The arrays share memory with the file where its alignment allows, and are copies elsewhere. Every method throws a
 * CaptureError that names the tensor, what it must be and what it is. Domain: little-endian hosts.
 */
export class TensorReader {
  readonly #file: string;
  readonly #unread: Map<string, Tensor>;

  constructor(tensors: ReadonlyMap<string, Tensor>, file: string) {
    this.#file = file;
    this.#unread = new Map(tensors);
  }

  /** Whether a tensor is left whose name matches. */
  has(pattern: RegExp): boolean {
    return [...this.#unread.keys()].some((name) => pattern.test(name));
  }

  i32(name: string, dimensions: readonly Dimension[]): Int32Array {
    return int32View(this.#take(name, 'I32', dimensions).bytes);
  }

  i32OrNull(name: string, dimensions: readonly Dimension[]): Int32Array | null {
    return this.#unread.has(name) ? this.i32(name, dimensions) : null;
  }

  /** The bits of f32 elements. */
  f32Bits(name: string, dimensions: readonly Dimension[]): Int32Array {
    return int32View(this.#take(name, 'F32', dimensions).bytes);
  }

  i64(name: string, dimensions: readonly Dimension[]): BigInt64Array {
    const { bytes } = this.#take(name, 'I64', dimensions);
    const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
    return new BigInt64Array(buffer, byteOffset, bytes.length / 8);
  }

  u8(name: string, dimensions: readonly Dimension[]): Uint8Array {
    return this.#take(name, 'U8', dimensions).bytes;
  }

  /** Refuses tensors that nobody asked for: a misspelt optional tensor would otherwise change the call in silence. */
  finish(owner: string): void {
    for (const name of this.#unread.keys()) {
      throw new CaptureError(this.#file, name, `does not belong in ${owner}`);
    }
  }

  #take(name: string, dtype: Dtype, dimensions: readonly Dimension[]): Tensor {
    const tensor = this.#unread.get(name);
    const expected = `${dtype} [${dimensions.map(showDimension).join(', ')}]`;
    if (tensor === undefined) {
      throw new CaptureError(this.#file, name, `is missing: it must be ${expected}`);
    }
    this.#unread.delete(name);
    const fits =
      tensor.dtype === dtype &&
      tensor.shape.length === dimensions.length &&
      dimensions.every(({ size }, index) => size === null || size === tensor.shape[index]);
    if (!fits) {
      const shape = tensor.shape.length > 8 ? `${tensor.shape.length}-D` : `[${tensor.shape.join(', ')}]`;
      throw new CaptureError(this.#file, name, `must be ${expected}, but is ${tensor.dtype} ${shape}`);
    }
    return tensor;
  }
}

function int32View(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(buffer, byteOffset, bytes.length / 4);
}

function showDimension({ label, size }: Dimension): string {
  return size === null ? label : `${label} = ${size}`;
}
