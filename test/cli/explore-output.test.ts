import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReportedDiscovery } from '../../src/cli/explore-confirm.js';
import { junitXml } from '../../src/cli/explore-junit.js';
import { replayCommand } from '../../src/cli/explore-replay.js';
import type { TargetDescription } from '../../src/cli/explore-target.js';
import { testText } from '../../src/cli/explore-test-text.js';
import * as api from '../../src/index.js';
import { gather, hang, plantRace } from './explore-support.js';
import { failureOf, typeErrorsIn } from './generated-tests.js';
import { parseXml } from './parse-xml.js';
import { fixtures, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();

let undo = () => {};
beforeAll(() => {
  undo = plantRace();
});
afterAll(() => undo());

interface FoundJson {
  readonly problem: { readonly kind: api.Problem['kind'] };
  readonly test: string;
}

/** What a search finds, and the description of its call. */
async function found(target: string, ...options: readonly string[]): Promise<readonly FoundJson[]> {
  const { stdout } = await simtwin(['explore', target, ...options, '--json']);
  return JSON.parse(stdout).discoveries;
}

/** Of the planted bug. */
function expectToFailWithBug(discoveries: readonly FoundJson[]): void {
  for (const { test: text } of discoveries) expect(failureOf(text)).toMatchObject({ name: 'AssertionError' });
  undo();
  try {
    for (const { test: text } of discoveries) expect(failureOf(text)).toBeNull();
  } finally {
    undo = plantRace();
  }
}

describe('the test that a finding comes with', () => {
  test('of a captured call fails as long as the problem is there', async () => {
    const discoveries = await found(gather, '--schedules', '30');
    expect(discoveries.map(({ problem }) => problem.kind)).toEqual([
      'race',
      'race',
      'wrong output',
      'schedule-dependent output',
    ]);
    expectToFailWithBug(discoveries);
  });

  test('of a call with random inputs, too', async () => {
    const args = '{"ep_size": 8, "top_k": 4, "max_token_count_per_rank": 16, "duplicates": true}';
    const discoveries = await found('local-gather', '--args', args, '--inputs', '3', '--schedules', '40');
    expect(new Set(discoveries.map(({ problem }) => problem.kind))).toEqual(
      new Set(['race', 'wrong output', 'schedule-dependent output']),
    );
    expectToFailWithBug(discoveries);
  });

  test('of a hang fails', async () => {
    const [deadlock] = await found(hang, '--schedules', '1');
    expect(failureOf(deadlock!.test)).toMatchObject({ name: 'AssertionError' });
    const completing = join(fixtures, 'hang/serialised-but-one-way-fits-fifo.safetensors.br');
    expect(failureOf(deadlock!.test.replaceAll(hang, completing))).toBeNull();
  });

  test('--test prints that of the first finding', async () => {
    const [first] = await found(gather, '--schedules', '1');
    const { stdout } = await simtwin(['explore', gather, '--schedules', '1', '--test']);
    expect(stdout).toContain(`\n2 findings\n\n// a test of finding 1\n${first!.test}`);
  });

  test('of every kind type-checks, also with a name that needs escapes', () => {
    const texts = TARGETS.flatMap((target) => DISCOVERIES.map((discovery) => testText(target, discovery)));
    // The check can fail.
    const misspelt = texts[0]!.replace('findings', 'finding');
    const errors = typeErrorsIn([...texts, misspelt]);
    expect(errors.filter((error) => !error.includes(`generated-${texts.length}.`))).toEqual([]);
    expect(errors).not.toEqual([]);
  });
});

const NAME = `it's <a> "b" & c\n.safetensors`;
const captured: TargetDescription = {
  name: NAME,
  op: 'moe_comm',
  shape: 'ep2 16 B, 1 ch',
  generated: null,
  compared: 'captured outputs',
};
const TARGETS: readonly TargetDescription[] = [
  captured,
  { ...captured, compared: 'hang' },
  {
    ...captured,
    name: 'all-to-all',
    generated: { args: '{"ep_size":2,"tokens":4}', inputs: 7 },
    compared: 'reference',
  },
];

const site = {
  rank: 0,
  kernel: 'k',
  block: '(0,0,0)',
  warp: 0,
  lane: 1,
  operation: 'st.global.u32',
  frames: [],
};
const PROBLEMS: readonly api.Problem[] = [
  {
    kind: 'race',
    address: 4,
    word: "byte 4 of 'x'",
    space: 'shared',
    first: site,
    second: site,
    writesTheSame: true,
    count: 1,
  },
  { kind: 'barrier reuse', id: 3, first: site, second: site, count: 1 },
  {
    kind: 'invariant',
    name: 'heads <= tails',
    address: 4,
    word: 'head',
    wants: '1 < 2',
    holds: '"3"',
    access: site,
    count: 1,
  },
  { kind: 'deadlock', cause: 'cycle', sentence: '[1] -> [2] & [1]' },
  { kind: 'livelock', cause: 'vector too large', sentence: 's\u0007\ud800' },
  {
    kind: 'error',
    code: 'OUT_OF_BOUNDS',
    reason: 'load of 4 bytes',
    site: { ...site, thread: '(1,0,0)' } as api.ThreadSite,
  },
  { kind: 'wrong output', sentence: '1 of 2 bytes differ' },
  { kind: 'budget', sentence: 'maxSteps ended the run after 10 steps' },
  { kind: 'schedule-dependent output', outputs: 2, other: 'rr' },
];
const DISCOVERIES: readonly ReportedDiscovery[] = PROBLEMS.map((problem, index) => ({
  key: problem.kind,
  problem,
  schedule: 'random:7',
  index,
  count: 1,
  isRepeatable: true,
  minimal: null,
  smaller: null,
}));

describe('the command that shows a finding again', () => {
  test.each([
    [
      'race',
      'simtwin explore a.safetensors --schedule random:7',
      'simtwin explore all-to-all --args \'{"ep_size":2,"tokens":4}\' --inputs 7 --schedule random:7',
    ],
    [
      'deadlock',
      'simtwin debug a.safetensors --schedule random:7',
      'simtwin run all-to-all --args \'{"ep_size":2,"tokens":4}\' --seed 7 --schedule random:7 --mode step',
    ],
    [
      'wrong output',
      'simtwin replay a.safetensors --schedule random:7 --mode step',
      'simtwin run all-to-all --args \'{"ep_size":2,"tokens":4}\' --seed 7 --schedule random:7 --mode step',
    ],
  ])('%s', (kind, ofFile, ofOp) => {
    const discovery = DISCOVERIES.find(({ problem }) => problem.kind === kind)!;
    expect(replayCommand({ ...captured, name: 'a.safetensors' }, discovery)).toBe(ofFile);
    expect(replayCommand(TARGETS[2]!, discovery)).toBe(ofOp);
  });

  test('has the smaller schedule, unless no command line can hold it', () => {
    const of = (schedule: string) =>
      replayCommand(
        { ...captured, name: 'a' },
        { ...DISCOVERIES[3]!, minimal: { schedule, problem: PROBLEMS[3]!, preemptions: 1, steps: 1, runs: 1 } },
      );
    expect(of('picks:AB')).toBe('simtwin debug a --schedule picks:AB');
    expect(of(`picks:${'A'.repeat(200_000)}`)).toBe('simtwin debug a --schedule random:7');
  });
});

describe('--junit', () => {
  test('a suite, a case for each thing that is looked for, a failure for each finding', async () => {
    const file = join(folder(), 'report.xml');
    const { stdout } = await simtwin(['explore', gather, '--schedules', '30', '--junit', file]);
    expect(stdout).toContain('4 findings');
    const suites = parseXml(readFileSync(file, 'utf8'));
    expect(suites.name).toBe('testsuites');
    const [suite] = suites.children;
    expect(suite).toMatchObject({
      name: 'testsuite',
      attributes: { name: gather, tests: '7', failures: '3', errors: '0', time: '0.000' },
    });
    expect(suite!.children.map(({ attributes, children }) => [attributes.name, children.length])).toEqual([
      ['data races', 2],
      ['barriers', 0],
      ['invariants', 0],
      ['deadlock and livelock', 0],
      ['errors', 0],
      ['wrong output', 1],
      ['schedule-dependent output', 1],
    ]);
    const failure = suite!.children[5]!.children[0]!;
    expect(failure.attributes).toEqual({ message: 'wrong output', type: 'wrong output' });
    expect(failure.text).toMatch(
      /^wrong output\n32 of 768 bytes differ, .*\nin \d+ of 30 schedules, first .*\nsmallest: .*\nsimtwin replay /,
    );
  });

  test('every kind of problem has its case, and is well formed', () => {
    const xml = junitXml(
      {
        target: captured,
        identity: { version: '1', op: 'moe_comm', capture: '', kernels: '' },
        settings: {
          seed: 0,
          schedule: null,
          granule: 32,
          residentBlocks: null,
          delay: null,
          schedules: 9,
          time: null,
          minimise: true,
          shrink: true,
        },
        shard: null,
        missingShards: [2],
        expected: [],
        result: api.EMPTY_RESULT,
        findings: { discoveries: DISCOVERIES, repeatable: new Map() },
      },
      1234.5,
    );
    const [suite] = parseXml(xml).children;
    expect(suite!.attributes).toMatchObject({
      name: `it's <a> "b" & c\\x0a.safetensors`,
      tests: '8',
      failures: '8',
      time: '1.234',
    });
    expect(suite!.children.map(({ children }) => children.length)).toEqual([1, 1, 1, 3, 1, 1, 1, 1]);
    expect(suite!.children[2]!.children[0]!.text).toContain('head: 1 < 2, but "3"');
    expect(suite!.children[3]!.children[1]!.text).toContain('s\ufffd\ufffd');
  });
});
