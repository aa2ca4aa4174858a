import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Capture,
  CaptureError,
  decodeCapture,
  decodeChannelTable,
  encodeCapture,
  type JsonValue,
} from '../../src/capture/index.js';
import { localGatherSample, moeCommSample, prepareIndicesSample, rawSafetensors } from './samples.js';

const SAMPLES = [prepareIndicesSample, localGatherSample, moeCommSample];
const HOSTILE_VALUES: readonly string[] = [
  'null',
  'true',
  '-1',
  '0',
  '1',
  '1.5',
  '1e9',
  '2147483648',
  '9007199254740993',
  '1e400',
  '""',
  '"__proto__"',
  '"\\ud800"',
  '[]',
  '[[]]',
  '[0,1e18]',
  '{}',
  '{"__proto__":null}',
  `${'['.repeat(5000)}${']'.repeat(5000)}`,
];

/** Whether `bytes` are read, or refused as they should be; every other exception comes through. */
function isReadOrRefused(bytes: Uint8Array, decode = decodeCapture): boolean {
  try {
    encodeCapture(decode(bytes, 'fuzzed'));
    return true;
  } catch (error) {
    if (error instanceof CaptureError && error.message.startsWith('fuzzed: ')) {
      return true;
    }
    throw error;
  }
}

describe.each(SAMPLES)('a file of $op', (sample) => {
  const bytes = encodeCapture(sample);
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + new DataView(bytes.buffer).getUint32(0, true)));
  const data = bytes.subarray(8 + header.length);

  test('cut short anywhere is refused', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeCapture(bytes.subarray(0, length), 'cut')).toThrow(CaptureError);
    }
  });

  test('with bytes flipped is read or refused', () => {
    const position = fc.oneof(fc.nat(bytes.length - 1), fc.nat(8 + header.length - 1));
    const flips = fc.array(fc.tuple(position, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 });
    const property = fc.property(flips, (list) => isReadOrRefused(flipped(bytes, list)));
    fc.assert(property, { numRuns: 2000 });
  });

  test('with its header put together again is read', () => {
    const untouched = withValueReplaced(header, 0, header);
    expect(decodeCapture(rawSafetensors(untouched, data), 'untouched')).toEqual(sample);
  });

  const replacement = fc.tuple(fc.nat(), fc.constantFrom(...HOSTILE_VALUES));

  test('with any value of its header replaced is read or refused', () => {
    const property = fc.property(replacement, ([place, value]) =>
      isReadOrRefused(rawSafetensors(withValueReplaced(header, place, value), data)),
    );
    fc.assert(property, { numRuns: 1000 });
  });

  test('the replacement finds a decoder that trusts a tensor to have a shape', () => {
    const trusting = (fuzzed: Uint8Array, file: string): Capture => {
      const members = JSON.parse(new TextDecoder().decode(fuzzed.subarray(8, fuzzed.length - data.length)));
      for (const [name, entry] of Object.entries<{ shape: number[] }>(members)) {
        expect(name === '__metadata__' || entry.shape.length).not.toBe(Number.POSITIVE_INFINITY);
      }
      return decodeCapture(fuzzed, file);
    };
    const property = fc.property(replacement, ([place, value]) =>
      isReadOrRefused(rawSafetensors(withValueReplaced(header, place, value), data), trusting),
    );
    expect(fc.check(property, { numRuns: 1000 }).failed).toBe(true);
  });
});

test('random bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => isReadOrRefused(bytes)),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.json(), (header) => isReadOrRefused(rawSafetensors(header))),
    { numRuns: 500 },
  );
});

test('random channel tables are read or refused', () => {
  const table =
    '{"max_usable_sm_count": 16, "ep_size -> [channel_count, workspace_bytes_per_rank]": {"1": [4, 8], "2": [3, 9]}}';
  const bytes = new TextEncoder().encode(table);
  const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 3 });
  fc.assert(
    fc.property(flips, (list) => {
      try {
        return decodeChannelTable(flipped(bytes, list), 'fuzzed').rows.size > 0;
      } catch (error) {
        return error instanceof CaptureError;
      }
    }),
    { numRuns: 1000 },
  );
});

function flipped(bytes: Uint8Array, flips: readonly (readonly [position: number, mask: number])[]): Uint8Array {
  const result = bytes.slice();
  for (const [position, mask] of flips) {
    result[position]! ^= mask;
  }
  return result;
}

/** `header` with its value number `place` (modulo their count, in the order of the text) replaced by `value`. */
function withValueReplaced(header: string, place: number, value: string): string {
  const marker = '<the replaced value>';
  let count = 0;
  const walk = (part: JsonValue, target: number): JsonValue => {
    if (count++ === target) {
      return marker;
    }
    if (Array.isArray(part)) {
      return part.map((item) => walk(item, target));
    }
    if (typeof part === 'object' && part !== null) {
      return Object.fromEntries(Object.entries(part).map(([name, item]) => [name, walk(item, target)]));
    }
    return part;
  };
  const root: JsonValue = JSON.parse(header);
  walk(root, -1);
  const target = place % count;
  count = 0;
  return JSON.stringify(walk(root, target)).replace(JSON.stringify(marker), () => value);
}
