import { DTYPE_SIZE_BYTES, type Dtype, type Tensor } from '../capture/safetensors.js';
import type { Allowance } from './allowance.js';
import { refusal } from './refusal.js';

/** A tensor as its library keeps it: elements of a storage, some way apart. Nothing in it has been checked. */
export interface StridedTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** In elements, one a dimension. */
  readonly strides: readonly number[];
  readonly offsetElements: number;
}

/** As many as NumPy has at least; torch has 64. */
export const MOST_DIMENSIONS = 32;

/**
 * The elements of `strided` in row-major order: a view of `storage` if they lie there so, else a copy.
 * @param what the tensor, for errors
 * @throws CaptureError if a number is not one that a tensor can have, an element lies outside of the storage, or the copy
 * is more than allowed
 */
export function contiguous(
  strided: StridedTensor,
  storage: Uint8Array,
  what: string,
  file: string,
  allowance: Allowance,
): Tensor {
  const { dtype, shape, strides, offsetElements } = strided;
  const elementBytes = DTYPE_SIZE_BYTES[dtype];
  const refuse = (found: string): Error =>
    refusal(file, {
      found: `${what} with ${found}`,
      expected: `elements inside of its storage of ${storage.length} bytes`,
      wayOut: 'save the file once more',
    });
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (shape.length > MOST_DIMENSIONS) throw refuse(`${shape.length} dimensions (at most ${MOST_DIMENSIONS})`);
  if (shape.length !== strides.length || ![...shape, ...strides, offsetElements].every(isCount)) {
    throw refuse(`shape [${shape.join(', ')}], strides [${strides.join(', ')}] and offset ${offsetElements}`);
  }
  if (shape.includes(0)) return { dtype, shape, bytes: storage.subarray(0, 0) };
  const count = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((sum, size, index) => sum + (size - 1) * strides[index]!, offsetElements);
  if (!((last + 1) * elementBytes <= storage.length)) throw refuse(`its last element at ${last}`);

  // The innermost dimensions that are contiguous by themselves.
  let runElements = 1;
  let outer = shape.length;
  while (outer > 0 && (shape[outer - 1] === 1 || strides[outer - 1] === runElements)) {
    runElements *= shape[outer - 1]!;
    outer--;
  }
  const offsetBytes = offsetElements * elementBytes;
  if (outer === 0) return { dtype, shape, bytes: storage.subarray(offsetBytes, offsetBytes + count * elementBytes) };

  allowance.takeCopy(count * elementBytes, what);
  const bytes = new Uint8Array(count * elementBytes);
  const runBytes = runElements * elementBytes;
  const at = new Array<number>(outer).fill(0);
  let source = offsetBytes;
  for (let target = 0; target < bytes.length; target += runBytes) {
    if (runBytes <= 16) for (let index = 0; index < runBytes; index++) bytes[target + index] = storage[source + index]!;
    else bytes.set(storage.subarray(source, source + runBytes), target);
    for (let dimension = outer - 1; dimension >= 0; dimension--) {
      source += strides[dimension]! * elementBytes;
      if (++at[dimension]! < shape[dimension]!) break;
      source -= shape[dimension]! * strides[dimension]! * elementBytes;
      at[dimension] = 0;
    }
  }
  return { dtype, shape, bytes };
}
