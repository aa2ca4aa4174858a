import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { Machine, type Pointer } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { codeFilesUnder, repositoryRoot } from '../support/files.js';
import { errorOn, runOn } from './support.js';

const workspaceOf = (machine: Machine, ranks: number, bytesPerRank: number, strideBytes = bytesPerRank) =>
  machine.memory.allocateSymmetric('workspace', 'u64', { ranks, bytesPerRank, strideBytes, zeroed: true });

describe('pieces', () => {
  test('are named after their rank and begin at a multiple of 2 MiB', () => {
    const machine = new Machine();
    machine.memory.allocate('before', 'u8', 1000);
    const p = workspaceOf(machine, 3, 64, 4096);
    expect(p.address % 2 ** 21).toBe(0);
    expect(p.allocation.name).toBe('workspace of rank 0');
    expect(p.add((2 * 4096) / 8).allocation.name).toBe('workspace of rank 2');
  });

  test('that touch make one run of addresses', () => {
    const machine = new Machine();
    const p = workspaceOf(machine, 4, 24);
    runOn(machine, 12, function* (t) {
      yield* t.storeVolatile(p, t.threadRank, BigInt(t.threadRank) + 100n);
    });
    const seen = runOn(machine, 12, function* (t) {
      return p.add(6).load(t.threadRank - 6);
    });
    expect(seen).toEqual(seen.map((_, index) => BigInt(index) + 100n));
    const ofRank2 = machine.memory.download(p.add(6), 3);
    expect([...ofRank2.subarray(0, 8)]).toEqual([106, 0, 0, 0, 0, 0, 0, 0]);
  });

  test.each<[string, index: number, sentence: string]>([
    ['behind the piece', 3, "8 bytes past the end of 'workspace of rank 0' (24 bytes)"],
    ['before the next', 7, "8 bytes before 'workspace of rank 1' (24 bytes)"],
    ['behind the last', 19, "8 bytes past the end of 'workspace of rank 2' (24 bytes)"],
  ])('with gaps: %s', (_, index, sentence) => {
    const machine = new Machine();
    const p = workspaceOf(machine, 3, 24, 64);
    const error = errorOn(machine, 1, function* (t) {
      yield* t.storeVolatile(p, 8, 1n);
      yield* t.loadVolatile(p, index);
    });
    expect(error.code).toBe('OUT_OF_BOUNDS');
    expect(error.reason).toContain(sentence);
  });

  test('an access across two pieces that touch is out of bounds', () => {
    const machine = new Machine();
    const p = workspaceOf(machine, 3, 24, 24).cast('u8').add(16).cast('u32');
    const registers = { length: 4 };
    const error = errorOn(machine, 1, function* (t) {
      const regs = t.registerArray('u32', registers.length);
      yield* t.loadVolatileV4(p, 0, [regs.at(0), regs.at(1), regs.at(2), regs.at(3)]);
    });
    expect(error.code).toBe('OUT_OF_BOUNDS');
    expect(error.reason).toContain("8 bytes past the end of 'workspace of rank 0'");
  });

  test.each<[string, number, number, number, string]>([
    ['stride below a piece', 2, 64, 32, 'stride 32 is below 64 bytes a rank'],
    ['no ranks', 0, 64, 64, '0 ranks'],
    ['a stride of half words', 2, 64, 68, 'must be a multiple of 8'],
    ['touching pieces of half words', 2, 20, 20, 'must be a multiple of 8'],
    ['a fractional stride', 2, 64, 64.5, 'must be a multiple of 8'],
  ])('%s: refused', (_, ranks, bytesPerRank, strideBytes, sentence) => {
    const allocate = () => workspaceOf(new Machine(), ranks, bytesPerRank, strideBytes);
    expect(allocate).toThrow(RangeError);
    expect(allocate).toThrow(sentence);
  });
});

type Reach = (p: Pointer<'u64'>, fromRank: number, toRank: number, strideU64: number, index: number) => bigint;

describeProperty<Reach>(
  'from any rank, any stride: the element that a flat array has there',
  (reach) =>
    fc.property(
      fc.record({
        ranks: fc.integer({ min: 1, max: 5 }),
        count: fc.integer({ min: 1, max: 9 }),
        gap: fc.nat(5),
        from: fc.nat(4),
        to: fc.nat(4),
        index: fc.nat(8),
      }),
      ({ ranks, count, gap, from, to, index }) => {
        const strideU64 = count + gap;
        const p = workspaceOf(new Machine(), ranks, count * 8, strideU64 * 8);
        for (let rank = 0; rank < ranks; rank++) {
          for (let at = 0; at < count; at++) p.store(rank * strideU64 + at, BigInt(rank * 100 + at));
        }
        const toRank = to % ranks;
        const at = index % count;
        expect(reach(p, from % ranks, toRank, strideU64, at)).toBe(BigInt(toRank * 100 + at));
      },
    ),
  (p, fromRank, toRank, strideU64, index) =>
    p
      .add(fromRank * strideU64)
      .add(BigInt((toRank - fromRank) * strideU64))
      .load(index),
  {
    'one gap too few': (p, fromRank, toRank, strideU64, index) =>
      p.add(fromRank * strideU64).load((toRank - fromRank) * Math.max(strideU64 - 1, 1) + index),
    'always the own rank': (p, fromRank, _, strideU64, index) => p.add(fromRank * strideU64).load(index),
  },
);

/** By how many megabytes a process of its own has grown that touched 64 workspaces of 550 MB. */
const SPARSE = `
import { Machine } from './index.js';
const MB = 2 ** 20;
// Not the peak: Linux counts in the peak of the process that started this one.
const residentMB = () => Math.round(process.memoryUsage.rss() / MB);
const machine = new Machine();
const before = residentMB();
const p = machine.memory.allocateSymmetric('workspace', 'u64', { ranks: 64, bytesPerRank: 550 * MB, zeroed: process.argv[2] !== 'undefined' });
const strideU64 = (550 * MB) / 8;
machine.stream().launch(
  function* touch(t, q) {
    const mine = t.globalThreadIdx * strideU64;
    q.store(mine, 1n);
    yield* t.storeVolatile(q, mine + strideU64 - 1, 2n);
    if ((yield* t.loadVolatile(q, mine)) !== 1n) throw new Error('lost');
  },
  { grid: 2, block: 32 }, p);
if (process.argv[2] === 'filled') machine.stream().memset(p, 0, 100 * MB);
const outcome = machine.run();
const pages = machine.memory.space.allocations.map((allocation) => allocation.writtenPages().length);
console.log(JSON.stringify({ verdict: outcome.verdict, grownMB: residentMB() - before, pages: [...new Set(pages)] }));
`;

describe('64 ranks of 550 MB', () => {
  const runSparse = (initially: string): { verdict: string; grownMB: number; pages: number[] } => {
    const folder = mkdtempSync(join(tmpdir(), 'simtwin-sparse-'));
    try {
      mkdirSync(join(folder, 'simt'));
      for (const path of codeFilesUnder('src/simt')) {
        const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
        const { outputText } = ts.transpileModule(readFileSync(join(repositoryRoot, path), 'utf8'), {
          compilerOptions,
        });
        writeFileSync(join(folder, 'simt', basename(path).replace(/\.ts$/, '.js')), outputText);
      }
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      writeFileSync(join(folder, 'simt', 'sparse.js'), SPARSE);
      const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'simt', 'sparse.js'), initially], {
        encoding: 'utf8',
      });
      return JSON.parse(stdout || `"${stderr}"`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

  test.each(['zeroed', 'undefined'])('cost what is touched: %s', (initially) => {
    const report = runSparse(initially);
    expect(report).toMatchObject({ verdict: 'completes', pages: [2] });
    // Of 35 GB: two pages a rank and as many of the bitmap of defined bytes.
    expect(report.grownMB).toBeLessThan(50);
  });

  test('and a fill shows in the measurement', () => expect(runSparse('filled').grownMB).toBeGreaterThan(95));
});
