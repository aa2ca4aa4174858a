import { isDeepStrictEqual } from 'node:util';

/**
 * Like `expect(actual).toEqual(expected)` for results that are mostly typed arrays, a hundred times as fast; says what
 * differs first.
 */
export function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) throw new Error(`differs: ${firstDifference('', actual, expected)}`);
}

function firstDifference(path: string, actual: unknown, expected: unknown): string {
  if (isContainer(actual) && isContainer(expected)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      if (isDeepStrictEqual(actual[key], expected[key])) continue;
      const inner = /^\d+$/.test(key) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      return firstDifference(inner, actual[key], expected[key]);
    }
  }
  return `${path} is ${String(actual)}, must be ${String(expected)}`;
}

const isContainer = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
