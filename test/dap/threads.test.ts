import { expect, test } from 'vitest';
import { ClientThreads, MOST_GROUPS } from '../../src/dap/threads.js';
import type { DebugSession, Focus, ThreadsAt } from '../../src/debug/index.js';

/** A session whose threads stand at these lines, 32 at each. */
function sessionAt(lines: readonly number[]): DebugSession {
  const focus: Focus = { rank: 0, kernel: 'kernel', blockIdx: { x: 0, y: 0, z: 0 }, threadRank: 0 };
  const group = (line: number): ThreadsAt => ({
    rank: 0,
    kernel: 'kernel',
    state: 'ready',
    operation: 'ld',
    frames: [{ functionName: 'kernel', file: 'src/kernel.ts', line, column: 1 }],
    threads: 32,
    blocks: [{ blockIdx: { x: line, y: 0, z: 0 }, warps: [{ warp: 0, lanes: -1 }] }],
  });
  const session = { focus, thread: null, machine: {}, threadOf: () => null, threadsAt: () => lines.map(group) };
  return session as unknown as DebugSession;
}

const words = {
  operation: () => 'ld',
  focus: () => 'rank 0',
  ranges: (numbers: readonly number[]) => numbers.join(),
  lanes: () => '0-31',
} as unknown as ConstructorParameters<typeof ClientThreads>[1];

test('at more places than a client can show, the last thread says how many more there are', () => {
  const lines = Array.from({ length: MOST_GROUPS + 50 }, (_, index) => index + 1);
  const { all } = new ClientThreads(sessionAt(lines), words);
  expect(all).toHaveLength(1 + MOST_GROUPS + 1);
  expect(all[0]).toMatchObject({ id: 1, name: 'rank 0 (in focus): its block is not resident' });
  expect(all.at(-1)).toEqual({
    id: 2,
    name: "… 50 more groups of 1600 threads: 'info threads' in the debug console",
    focus: null,
  });
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
});

test('a place keeps its number, whatever comes and goes', () => {
  const lines = [1, 2, 3];
  const threads = new ClientThreads(sessionAt(lines), words);
  const before = threads.all;
  lines.splice(0, 3, 5, 3, 1);
  expect(threads.all).toBe(before);
  threads.forget();
  expect(threads.all.map(({ id }) => id)).toEqual([1, 6, 5, 3]);
  expect(threads.get(5)).toEqual(before.find(({ id }) => id === 5));
  expect(threads.get(4)).toBeUndefined();
});
