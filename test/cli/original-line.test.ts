import { describe, expect, test } from 'vitest';
import { originalLine, originalReferences } from '../../src/cli/original-line.js';
import { codeFilesUnder, readSources } from '../support/files.js';

const PORT = `/**
 * Does things.
 * Source: trtllm_alltoall.cuh:100-120.
 */
function* device(t: Thread): DeviceFunction {
  const one = t.laneId; // :101
  const pointer = base
    .add(mulI32(one, two))
    .add(2 * one); // :102
  // :103
  if (one > 0) {
    yield* t.syncwarp();
    return; // :104, :105
  }
  for (
    let i = one; // :106
    i < two;
    i++ // :107
  ) {
    const value =
      i < one // :108
        ? 'a; b // :999'
        : two; // :109-110
  }
  // :111
  for (
    let u = 0;
    u < one;
    u += two
  ) {
    yield* t.syncthreads(); // :112, in words
  }
  yield* device(
    t,
    { one, two },
    [one],
  ); // :113
  plain();
}
`.split('\n');

test.each([
  { code: 'const one', expected: '101', why: 'behind the statement' },
  { code: 'const pointer', expected: '102', why: 'behind its last line' },
  { code: '.add(mulI32', expected: '102', why: 'the same from within' },
  { code: 'if (one > 0)', expected: '103', why: 'alone above a block' },
  { code: 'yield* t.syncwarp', expected: '100-120', why: 'none: the lines of the function' },
  { code: 'return;', expected: '104,105', why: 'several' },
  { code: 'i < two;', expected: '107', why: 'a header of its own lines' },
  { code: 'const value', expected: '108', why: 'the first of an expression' },
  { code: "? 'a; b", expected: '109-110', why: 'nothing in a string counts' },
  { code: 'let u = 0', expected: '111', why: 'above, from within a header' },
  { code: 'u += two', expected: '111', why: 'above, from the end of a header' },
  { code: 'yield* t.syncthreads', expected: '112', why: 'words may follow' },
  { code: 'yield* device', expected: '113', why: 'behind the closing parenthesis' },
  { code: '[one]', expected: '113', why: 'the same from within' },
  { code: 'plain()', expected: '100-120', why: 'not that of the statement before' },
])('$code: $expected ($why)', ({ code, expected }) => {
  const line = PORT.findIndex((text) => text.includes(code)) + 1;
  expect(originalReferences(PORT, line)).toBe(expected);
});

test('beyond the file and without any comment there is none', () => {
  expect(originalReferences(PORT, 0)).toBeNull();
  expect(originalReferences(PORT, 1000)).toBeNull();
  expect(originalReferences(['const a = 1;'], 1)).toBeNull();
});

describe('in the ports', () => {
  const ports = readSources(codeFilesUnder('src/kernels'));

  test('every reference behind a statement is found from its line', () => {
    let found = 0;
    for (const [file, text] of ports) {
      for (const [index, line] of text.split('\n').entries()) {
        const reference = /\S.*\/\/ :(\d+)/.exec(line)?.[1];
        if (reference === undefined) continue;
        expect(originalLine(file, index + 1)).toMatch(new RegExp(`^trtllm_alltoall\\.cuh:${reference}\\b`));
        found++;
      }
    }
    expect(found).toBeGreaterThan(200);
  });

  test('every operation that a thread can stop at has one', () => {
    for (const [file, text] of ports) {
      for (const [index, line] of text.split('\n').entries()) {
        if (!/yield\*|\.(?:load|store)\(/.test(line) || /^\s*(?:\/\/|\*|\/\*)/.test(line)) continue;
        expect(`${file}:${index + 1} ${originalLine(file, index + 1)}`).toMatch(/cuh:\d/);
      }
    }
  });

  test.each(['src/kernels/nothing.ts', 'node:internal/x.ts', '../src/kernels/catalog.ts', 'dist/kernels/catalog.js'])(
    'no such file of the sources: %s',
    (file) => expect(originalLine(file, 1)).toBeNull(),
  );
});
