import { describe, expect, test } from 'vitest';
import { dim3, type LaunchDims, Machine, type Thread } from '../../src/simt/index.js';
import { runBlock } from './support.js';

const launch = (dims: LaunchDims) =>
  new Machine().stream().launch(
    function* compact() {
      // Nothing to do.
    },
    dims,
    null,
  );

describe('a launch configuration that no device takes', () => {
  test.each<[LaunchDims, string]>([
    [{ grid: 0, block: 1 }, 'grid dimension x is 0; it must be an integer from 1 to 2147483647'],
    [{ grid: 1, block: 0 }, 'block dimension x is 0; it must be an integer from 1 to 1024'],
    [{ grid: 1, block: 1025 }, 'block dimension x is 1025; it must be an integer from 1 to 1024'],
    [{ grid: 1, block: dim3(1, 1025) }, 'block dimension y is 1025'],
    [{ grid: 1, block: dim3(1, 1, 65) }, 'block dimension z is 65; it must be an integer from 1 to 64'],
    [{ grid: 1, block: dim3(32, 32, 2) }, '2048 threads a block; a block has at most 1024'],
    [{ grid: 1, block: dim3(1024, 2) }, '2048 threads a block; a block has at most 1024'],
    [{ grid: dim3(1, 65536), block: 1 }, 'grid dimension y is 65536; it must be an integer from 1 to 65535'],
    [{ grid: dim3(1, 1, 65536), block: 1 }, 'grid dimension z is 65536'],
    [{ grid: 2 ** 31, block: 1 }, 'grid dimension x is 2147483648'],
    [{ grid: -1, block: 1 }, 'grid dimension x is -1'],
    [{ grid: 1.5, block: 1 }, 'grid dimension x is 1.5'],
    [{ grid: Number.NaN, block: 1 }, 'grid dimension x is NaN'],
  ])('%j', (dims, sentence) => {
    expect(() => launch(dims)).toThrow(RangeError);
    expect(() => launch(dims)).toThrow(`compact: ${sentence}`);
  });

  test.each<LaunchDims>([
    { grid: 2 ** 31 - 1, block: 1 },
    { grid: dim3(1, 65535, 2), block: 1024 },
    { grid: 1, block: dim3(1, 1, 64) },
    { grid: 1, block: dim3(32, 32) },
  ])('%j is one: the twin passes', (dims) => {
    expect(launch(dims).blockCount).toBeGreaterThan(0);
  });
});

describe('threads know where they are', () => {
  test('in a block of three dimensions, x first', () => {
    const seen = runBlock(dim3(3, 4, 5), function* ({ threadIdx: { x, y, z }, threadRank, laneId, warp }) {
      return { x, y, z, threadRank, laneId, warp: warp.index };
    });
    expect(seen).toHaveLength(60);
    seen.forEach(({ x, y, z, threadRank, laneId, warp }, rank) => {
      expect(x + 3 * y + 12 * z).toBe(rank);
      expect([threadRank, laneId, warp]).toEqual([rank, rank % 32, Math.floor(rank / 32)]);
    });
  });

  test('in a grid of three dimensions', () => {
    const machine = new Machine();
    const seen = new Set<string>();
    machine.stream().launch(
      function* kernel(t: Thread) {
        const { x, y, z } = t.blockIdx;
        seen.add(`${x} ${y} ${z} ${t.globalThreadIdx}`);
        expect([t.gridDim, t.blockDim]).toEqual([dim3(2, 3, 2), dim3(5)]);
      },
      { grid: dim3(2, 3, 2), block: 5 },
      null,
    );
    expect(machine.run().verdict).toBe('completes');
    expect(seen.size).toBe(60);
    expect(seen.has('1 2 0 9')).toBe(true);
  });
});

describe('shared variables', () => {
  test('are the same for the threads of a block, and others for another block', () => {
    const machine = new Machine();
    const out = machine.memory.allocate('out', 'u32', 4);
    machine.stream().launch(
      function* kernel(t) {
        const count = t.shared('count', 'u32');
        if (t.threadRank === 0) count.store(0, 10 * t.blockIdx.x);
        yield* t.syncthreads();
        yield* t.atomicAddBlock(count, 0, 1);
        yield* t.syncthreads();
        if (t.threadRank === 5) out.store(t.blockIdx.x, count.load());
      },
      { grid: 4, block: 50 },
      null,
    );
    expect(machine.run().verdict).toBe('completes');
    expect([0, 1, 2, 3].map((block) => out.load(block))).toEqual([50, 60, 70, 80]);
  });

  test('of two names lie apart, aligned to 16 bytes', () => {
    const [addresses] = runBlock(1, function* (t) {
      return [t.shared('a', 'u8', 3), t.shared('b', 'u64', 2), t.shared('a', 'u8', 3)].map((p) => p.address);
    });
    const [a, b, again] = addresses!;
    expect(again).toBe(a);
    expect(a! % 16).toBe(0);
    expect(b! % 16).toBe(0);
    expect(b! - a!).toBeGreaterThan(3);
  });
});
