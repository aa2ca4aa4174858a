import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explainHang, formatDot, formatExplanation } from '../../src/explain/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { EngineMode, Kernel } from '../../src/simt/index.js';
import { inspectorOf } from '../../src/step/index.js';
import { compiled } from '../step/programs.js';
import { repositoryRoot } from '../support/files.js';
import * as kernels from './kernels.js';

const known = new Map<string, Kernel<kernels.FlagArgs>>(Object.entries(kernels));
for (const [name, kernel] of known) {
  registerProgram(kernel as Kernel<never>, compiled('test/explain/kernels.ts', name));
}

interface Dims {
  readonly grid?: number;
  readonly block?: number;
  readonly n?: number;
  readonly schedule?: string;
  readonly set?: readonly (readonly [number, number])[];
  readonly behind?: keyof typeof kernels;
  readonly mode?: EngineMode;
}

/** A machine on which a kernel has been launched. */
function launched(
  name: keyof typeof kernels,
  { grid = 1, block = 32, n = 0, schedule = 'rr', set = [], behind, mode = 'step' }: Dims,
) {
  const machine = createMachine({ schedule, mode });
  const words = new Uint32Array(64);
  for (const [index, value] of set) words[index] = value;
  const flags = machine.memory.upload('flags', 'u32', words);
  const stream = machine.stream(0);
  stream.launch(known.get(name)!, { grid, block }, { flags, n });
  if (behind !== undefined) stream.launch(known.get(behind)!, { grid, block }, { flags, n });
  return { machine, flags };
}

function explained(name: keyof typeof kernels, dims: Dims = {}) {
  const { machine } = launched(name, dims);
  const { verdict } = machine.run();
  expect(['deadlock', 'livelock']).toContain(verdict);
  return explainHang(machine);
}

const MODES = ['step', 'fast'] as const;

describe.each(MODES)('in mode %s: the class of the root cause, and what its sentence names', (mode) => {
  test.each<[keyof typeof kernels, Dims, string, readonly string[]]>([
    [
      'waitsFirst',
      { grid: 3 },
      'cycle',
      ['3 groups', 'block (0,0,0)', "u32 1 of 'flags' (needs != 0, holds 0)", 'block (1,0,0)'],
    ],
    ['announcesIfBusy', { grid: 2 }, 'missing writer', ["u32 5 of 'flags' (needs >= 2, holds 0)", 'has returned']],
    ['locksForEver', { grid: 4 }, 'missing writer', ["u32 3 of 'flags' (wants 0, holds 1)"]],
    ['expectsTooMany', { block: 64 }, 'barrier misuse', ['barrier 1', 'expects 96 threads', 'at most 64']],
    ['returnsEarly', { block: 64 }, 'barrier misuse', ['barrier 2', 'at most 32', '1 warp of the block has returned']],
    ['crossesBarriers', { block: 64 }, 'barrier misuse', ['waits at barrier 1', 'waits at barrier 2']],
    ['splitsWarp', {}, 'cycle', ['lanes 16-31', 'lanes 0-15', "u32 7 of 'flags'"]],
    [
      'gridBarrier',
      { grid: 3, schedule: 'rr,resident=2' },
      'not resident',
      ['1 of 3 blocks', 'resident=2', "u32 0 of 'flags' (needs >= 3, holds 2)"],
    ],
    ['awaitsFlag', { behind: 'setsFlag' }, 'launch order', ['setsFlag', 'behind awaitsFlag', 'needs >= 5']],
    ['awaitsFlag', {}, 'missing writer', ["u32 4 of 'flags' (needs >= 5, holds 0)"]],
  ])('%s %o: %s', (name, dims, cause, parts) => {
    const { rootCause } = explained(name, { ...dims, mode });
    expect(rootCause?.cause).toBe(cause);
    for (const part of parts) expect(rootCause?.sentence).toContain(part);
  });
});

describe.each(MODES)('in mode %s: what is polled, found in the program', (mode) => {
  test.each<[keyof typeof kernels, Dims, string, readonly string[]]>([
    ['leaderPolls', {}, "u32 11 of 'flags'", ['needs >= 5']],
    ['blockPolls', { block: 96 }, "u32 12 of 'flags'", ['wants 3']],
    ['countsPolls', {}, "u32 13 of 'flags'", ['wants 7']],
    ['awaitsBit', {}, "u32 15 of 'flags'", ['needs (value & 4) != 0']],
    [
      'everyLanePolls',
      { set: Array.from({ length: 31 }, (_, at) => [at, 1] as const) },
      "u32 31 of 'flags'",
      ['needs != 0'],
    ],
  ])('%s', (name, dims, word, wants) => {
    const { edges, rootCause } = explained(name, { ...dims, mode });
    const words = edges.flatMap((edge) => (edge.word === null || edge.word.name.includes('shared') ? [] : [edge.word]));
    expect(words.map((each) => each.name)).toEqual([word]);
    expect(words[0]?.wants).toEqual(wants);
    expect(rootCause?.cause).toBe('missing writer');
  });
});

test('whoever passes a barrier on the way is waited for by the rest of the block', () => {
  const { nodes, edges } = explained('blockPolls', { block: 96 });
  const waiting = nodes.filter(({ does }) => does.startsWith('waits at barrier 0'));
  expect(waiting).toHaveLength(1);
  expect(waiting[0]?.warps).toEqual([1, 2]);
  const polling = edges.find(({ from }) => from === waiting[0]?.id)?.to;
  expect(nodes[polling! - 1]?.does).toBe('polls');
});

describe.each(MODES)('in mode %s: a block that learns of a poll through shared memory', (mode) => {
  test.each(['rr', ...Array.from({ length: 10 }, (_, seed) => `random:${seed}`)])('%s', (schedule) => {
    const { nodes, rootCause } = explained('blockPolls', { block: 96, schedule, mode });
    expect(rootCause).toMatchObject({ cause: 'missing writer', subject: { word: "u32 12 of 'flags'" } });
    expect(nodes.filter(({ does }) => does === 'polls').map(({ warps }) => warps)).toEqual([[0]]);
  });
});

test('a user names words: the symbols stand in the text', () => {
  const { machine, flags } = launched('waitsFirst', { grid: 2 });
  machine.memory.declareSymbols(flags, {
    describe: (offset) => ({ name: 'ready', of: `block ${offset / 4}`, index: [] }),
    writersOf: () => null,
  });
  machine.run();
  const text = formatExplanation(explainHang(machine));
  expect(text).toContain('polls ready of block 1: needs != 0, holds 0');
});

describe('a block that has partly returned', () => {
  test('only threads that have returned are said to have, and how many', () => {
    const { rootCause, nodes } = explained('othersAnnounce', { block: 64 });
    expect(rootCause?.cause).toBe('missing writer');
    expect(rootCause?.sentence).toContain(
      'nobody but the 63 of 64 threads of rank 0 block (0,0,0) that have returned could write it',
    );
    expect(nodes.filter(({ kind }) => kind === 'returned')).toMatchObject([
      { blocks: ['(0,0,0)'], threads: 63, does: 'have returned', details: ['63 of 64 threads'] },
    ]);
  });

  test('other blocks have returned as a whole', () => {
    const { nodes } = explained('othersAnnounce', { grid: 2, block: 64 });
    expect(nodes.filter(({ kind }) => kind === 'returned')).toMatchObject([
      { blocks: ['(0,0,0)'], threads: 63, does: 'have returned' },
      { blocks: ['(1,0,0)'], threads: 64, does: 'has returned' },
    ]);
  });

  test('those who never come to the store are no writers', () => {
    const { rootCause, nodes } = explained('otherBlocksAnnounce', { grid: 2, block: 64 });
    expect(rootCause?.sentence).toContain('rank 0 block (1,0,0) alone could write it and has returned');
    expect(nodes.filter(({ kind }) => kind === 'returned')).toMatchObject([{ blocks: ['(1,0,0)'], threads: 64 }]);
    const alone = explained('otherBlocksAnnounce', { block: 64 });
    expect(alone.rootCause?.sentence).toContain('no other thread that is left can write it');
    expect(alone.nodes.map(({ kind }) => kind)).toEqual(['threads', 'nobody']);
  });

  test('who waits is no writer itself, though it would write later', () => {
    const { rootCause, nodes } = explained('setsTooLate', { block: 64 });
    expect(rootCause?.sentence).toContain('nobody but the 63 of 64 threads of rank 0 block (0,0,0) that have returned');
    expect(nodes.map(({ kind }) => kind)).toEqual(['threads', 'returned']);
  });

  test('a writer that is declared and waits itself', () => {
    const { machine, flags } = launched('setsTooLate', { block: 64 });
    machine.advance(1);
    const { launch } = [...machine.residentBlocks][0]!;
    const writer = { rank: 0, kernel: 'setsTooLate', launch, blockIdx: { x: 0, y: 0, z: 0 }, name: 'leader' };
    machine.memory.declareSymbols(flags, {
      describe: () => ({ name: 'ready', of: '', index: [] }),
      writersOf: () => [{ ...writer, firstThread: 0, threads: 32, does: 'sets it' }],
    });
    machine.run();
    const { rootCause } = explainHang(machine);
    expect(rootCause?.cause).toBe('missing writer');
    expect(rootCause?.sentence).toContain('only the threads that wait for ready could write it themselves');
  });
});

test('a declared writer that is left is no missing one, whoever else is declared', () => {
  const { machine, flags } = launched('setsTooLate', { block: 64, n: 1 });
  machine.advance(1);
  const { launch } = [...machine.residentBlocks][0]!;
  const writer = { rank: 0, kernel: 'setsTooLate', launch, blockIdx: { x: 0, y: 0, z: 0 }, name: 'a warp' };
  machine.memory.declareSymbols(flags, {
    describe: () => ({ name: 'ready', of: '', index: [] }),
    writersOf: () => [0, 32].map((firstThread) => ({ ...writer, firstThread, threads: 32, does: 'sets it' })),
  });
  const { rootCause, nodes, edges } = explainHang(machine);
  expect(nodes.map(({ does }) => does)).toContain('polls');
  expect(edges).toMatchObject([{ why: 'sets it', isNeeded: true }]);
  expect(rootCause).toBeNull();
  expect(machine.run().verdict).toBe('completes');
});

describe('nobody writes', () => {
  test('a node that is nobody says why, once', () => {
    const text = formatExplanation(explained('awaitsFlag'));
    expect(text).toContain(
      '      -> [2] nobody can write it\n  [2] nobody\n      no other thread that is left can write it',
    );
    expect(text.match(/nobody/g)).toHaveLength(3);
  });

  test('a loop that no word decides is not to be ended by one', () => {
    const explanation = explained('goesRound');
    expect(explanation.rootCause?.advice).toMatch(/^let the loop end by something/);
    expect(formatExplanation(explanation)).toContain('-> [2] nobody ends its loop\n');
    expect(explained('awaitsFlag').rootCause?.advice).toContain('let somebody write that word');
  });
});

describe('in the middle of a run', () => {
  test('there is no root cause yet, but what will be if nothing else happens', () => {
    const { machine } = launched('meetsFirst', { block: 64 });
    machine.advance(3);
    const before = explainHang(machine);
    expect(before.hasHung).toBe(false);
    expect(formatExplanation(before)).toMatch(/^if nothing else happens: missing writer\n/);
    expect(formatExplanation(before) + formatDot(before)).not.toContain('root cause');
    expect(machine.steps).toBe(3);
    expect(machine.run().verdict).not.toBe('completes');
    const after = explainHang(machine);
    expect(after.hasHung).toBe(true);
    expect(formatExplanation(after)).toMatch(/^root cause: missing writer\n/);
  });

  test('a poll is shown where the load is, not the barrier before it', () => {
    const lineOf = (part: string) =>
      readFileSync(join(repositoryRoot, 'test/explain/kernels.ts'), 'utf8')
        .split('\n')
        .findIndex((line) => line.includes(part)) + 1;
    const { machine } = launched('meetsFirst', { block: 64 });
    machine.advance(2);
    const explanation = explainHang(machine);
    const polling = explanation.nodes.filter(({ does }) => does === 'polls');
    expect(polling).toHaveLength(1);
    expect(polling[0]?.frames[0]?.line).toBe(lineOf('flags, 19)'));
    const at = `at test/explain/kernels.ts:${lineOf('flags, 19)')}`;
    expect(formatExplanation(explanation)).toContain(at);
    expect(formatDot(explanation)).toContain(at);
  });

  test('barriers in a wrong order: it has hung only at the end', () => {
    const { machine } = launched('crossesBarriers', { block: 64 });
    machine.advance(1);
    expect(explainHang(machine).hasHung).toBe(false);
    machine.run();
    expect(explainHang(machine).hasHung).toBe(true);
  });
});

describe('nobody waits for ever', () => {
  test('a run that completes', () => {
    const { machine } = launched('announcesIfBusy', { grid: 2, n: 1 });
    expect(machine.run().verdict).toBe('completes');
    const explanation = explainHang(machine);
    expect(explanation.rootCause).toBeNull();
    expect(explanation.nodes).toEqual([]);
    expect(formatDot(explanation)).toContain('[label="nobody waits: no thread is left"');
  });

  test.each(['gridBarrier', 'announcesIfBusy'] as const)('%s, after every step on its way', (name) => {
    const { machine } = launched(name, { grid: 3, block: 64, n: 1 });
    while (machine.advance(1) === null) expect(explainHang(machine).rootCause).toBeNull();
  });
});

test('nothing of the machine changes', () => {
  const { machine } = launched('leaderPolls', { grid: 2 });
  machine.advance(40);
  const hash = () => inspectorOf(machine).hash({ withSchedule: true });
  const before = hash();
  const text = formatExplanation(explainHang(machine));
  expect(formatExplanation(explainHang(machine))).toBe(text);
  expect(machine.steps).toBe(40);
  expect(hash()).toBe(before);
});
