import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Capture,
  decodeCapture,
  decodeSafetensors,
  encodeCapture,
  encodeSafetensors,
  type LocalGatherCapture,
} from '../../src/capture/index.js';
import { localGatherCapture, moeCommCapture, prepareIndicesCapture } from './arbitrary-capture.js';
import { moeCommSample } from './samples.js';

test.each([
  { op: 'moe_comm_prepare_indices', arbitrary: prepareIndicesCapture },
  { op: 'moe_local_gather', arbitrary: localGatherCapture },
  { op: 'moe_comm', arbitrary: moeCommCapture },
])('every capture of $op survives writing and reading', ({ arbitrary }) => {
  fc.assert(
    fc.property(arbitrary as fc.Arbitrary<Capture>, (capture) => survives(capture)),
    { numRuns: 200 },
  );
});

test('the round trip notices a codec that carries scales as floats', () => {
  const throughFloats = fc.property(localGatherCapture, (capture) => survives(capture, quietNaNs));
  expect(fc.check(throughFloats).failed).toBe(true);
});

test('equal captures give equal bytes, whatever they were decoded from', () => {
  fc.assert(
    fc.property(moeCommCapture, (capture) => {
      const bytes = encodeCapture(capture);
      expect(isDeepStrictEqual(encodeCapture(decodeCapture(bytes, 'again')), bytes)).toBe(true);
    }),
  );
});

test.each([0, 1, 2, 3, 4, 5, 6, 7])('a file decodes the same at address %i modulo 8', (shift) => {
  const bytes = encodeCapture(moeCommSample);
  const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
  shifted.set(bytes);
  expect(isDeepStrictEqual(decodeCapture(shifted, 'shifted'), moeCommSample)).toBe(true);
});

test('a Buffer decodes to plain typed arrays', () => {
  const { tensors } = decodeSafetensors(Buffer.from(encodeCapture(moeCommSample)), 'buffer');
  expect([...tensors.values()].map(({ bytes }) => bytes.constructor)).toEqual(Array(tensors.size).fill(Uint8Array));
});

test('names that JavaScript gives a meaning are plain names', () => {
  const tensor = { dtype: 'U8', shape: [1], bytes: Uint8Array.of(5) } as const;
  const metadata = Object.fromEntries([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  const file = decodeSafetensors(
    encodeSafetensors({
      metadata,
      tensors: new Map([
        ['2', tensor],
        ['__proto__', tensor],
        ['1', tensor],
      ]),
    }),
    'names',
  );
  expect([...file.tensors.keys()]).toEqual(['2', '__proto__', '1']);
  expect(Object.entries(file.metadata)).toEqual(Object.entries(metadata));
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

function survives(capture: Capture, corrupt = (decoded: Capture): Capture => decoded): boolean {
  return isDeepStrictEqual(corrupt(decodeCapture(encodeCapture(capture), 'round trip')), capture);
}

function quietNaNs(capture: Capture): Capture {
  const { inputs, ...rest } = capture as LocalGatherCapture;
  const { buffer, byteOffset, length } = inputs.gatheredScalesBits;
  const values = Float32Array.from(new Float32Array(buffer, byteOffset, length), (value) => value + 0);
  return { ...rest, inputs: { ...inputs, gatheredScalesBits: new Int32Array(values.buffer) } };
}
