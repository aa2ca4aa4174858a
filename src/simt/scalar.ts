/**
 * The scalar types of device memory and registers.
 *
 * A value of at most 32 bits is a `number`, normalised (`i*` by `| 0`, `u*` by `>>> 0`); a 64-bit value is a `bigint`.
 * An `f32` value is its bit pattern, so that NaN payloads and -0 survive every move.
 */
export type ScalarType = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'i64' | 'u64';

declare const f32Brand: unique symbol;

/** The bits of an IEEE 754 binary32 value as an unsigned 32-bit word. */
export type F32 = number & { readonly [f32Brand]: true };

/** The JavaScript value that holds a scalar of type `T`. */
export type ScalarValue<T extends ScalarType> = T extends 'i64' | 'u64' ? bigint : T extends 'f32' ? F32 : number;

/** A scalar type and `sizeof` it; one object a type, shared by everything that has the type. */
export interface Scalar<T extends ScalarType = ScalarType> {
  readonly type: T;
  readonly bytes: 1 | 2 | 4 | 8;
}

const SCALARS: { readonly [T in ScalarType]: Scalar<T> } = {
  i8: { type: 'i8', bytes: 1 },
  u8: { type: 'u8', bytes: 1 },
  i16: { type: 'i16', bytes: 2 },
  u16: { type: 'u16', bytes: 2 },
  i32: { type: 'i32', bytes: 4 },
  u32: { type: 'u32', bytes: 4 },
  f32: { type: 'f32', bytes: 4 },
  i64: { type: 'i64', bytes: 8 },
  u64: { type: 'u64', bytes: 8 },
};

/** The {@link Scalar} of a type. */
export const scalarOf = <T extends ScalarType>(type: T): Scalar<T> => SCALARS[type];

/** `sizeof(type)` in bytes. */
export const scalarBytes = (type: ScalarType): 1 | 2 | 4 | 8 => SCALARS[type].bytes;

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** The bits of `value` rounded to binary32, for literals such as `0.0f`. A NaN becomes the canonical quiet NaN. */
export function f32(value: number): F32 {
  floatView[0] = value;
  return (Number.isNaN(value) ? 0x7fffffff : bitsView[0]!) as F32;
}

/** Three extents or coordinates, as CUDA's `dim3` and `uint3`. */
export interface Dim3 {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** CUDA's `dim3` constructor: missing extents are 1. */
export const dim3 = (x: number, y = 1, z = 1): Dim3 => ({ x, y, z });
