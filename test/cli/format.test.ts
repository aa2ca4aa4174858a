import { expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatRate,
  formatSeconds,
  printable,
  shellWord,
  shorten,
  wrap,
} from '../../src/cli/format.js';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [10 * 1024 - 6, '9.99 KiB'],
  [10 * 1024 - 5, '10.0 KiB'],
  [1023.4 * 1024, '1023 KiB'],
  [1023.6 * 1024, '1.00 MiB'],
  [123 * 2 ** 30, '123 GiB'],
  [5000 * 2 ** 40, '5000 TiB'],
])('%d bytes: %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1234567, '1,234,567'],
])('%d: %s', (count, text) => expect(formatCount(count)).toBe(text));

test.each([
  [0, '0.00 s'],
  [9994, '9.99 s'],
  [9996, '10.0 s'],
  [99_960, '100 s'],
])('%d ms: %s', (milliseconds, text) => expect(formatSeconds(milliseconds)).toBe(text));

test.each([
  [10, 0, '-/s'],
  [10, 100, '100/s'],
  [85_000, 1000, '85.0 k/s'],
  [2_000_000, 1000, '2.0 M/s'],
])('%d in %d ms: %s', (count, milliseconds, text) => expect(formatRate(count, milliseconds)).toBe(text));

test.each([
  ['a/b-1.safetensors', 'a/b-1.safetensors'],
  ['', "''"],
  ['a b', "'a b'"],
  ["it's", "'it'\\''s'"],
  ['{"a":1}', `'{"a":1}'`],
  ["it's\n\\1\u0085", "$'it\\'s\\012\\\\1\\302\\205'"],
])('%j for a shell: %s', (text, word) => expect(shellWord(text)).toBe(word));

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdefg', 6, 'abc…fg'],
  ['abcdefg', 2, 'ab'],
])('%s in %d: %s', (text, width, short) => expect(shorten(text, width)).toBe(short));

test('control characters are printed escaped', () => {
  expect(printable('a\x1b[0m\n\x7f\u2028é')).toBe('a\\x1b[0m\\x0a\\x7f\\u2028é');
});

test('wrap breaks at spaces and keeps long words whole', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('a verylongword b', 4)).toEqual(['a', 'verylongword', 'b']);
  expect(wrap('', 4)).toEqual(['']);
});
