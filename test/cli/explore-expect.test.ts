import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isExpected } from '../../src/cli/explore-expected.js';
import {
  declareExpectedFindings,
  type ExpectedFinding,
  type ExpectedSite,
  moeLocalGatherDevice,
  type Problem,
  type SourceFrame,
} from '../../src/index.js';
import { gather, plantRace } from './explore-support.js';
import { simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);

let undo = () => {};
/** What 30 schedules find: two races, a wrong output and that the output depends on the schedule. */
let problems: readonly Problem[] = [];
beforeAll(async () => {
  undo = plantRace();
  const { stdout } = await explore('--json');
  problems = JSON.parse(stdout).discoveries.map(({ problem }: { problem: Problem }) => problem);
  expect(problems.map(({ kind }) => kind)).toEqual(['race', 'race', 'wrong output', 'schedule-dependent output']);
});
afterAll(() => undo());
afterEach(() => declareExpectedFindings(moeLocalGatherDevice, []));

const explore = (...options: readonly string[]) => simtwin(['explore', gather, '--schedules', '30', ...options]);

const siteOf = ([frame]: readonly SourceFrame[]): ExpectedSite => ({
  function: frame!.functionName,
  line: `${frame!.file}:${frame!.line}`,
});

/** An expectation of a problem that was found. */
function expectationOf(problem: Problem): ExpectedFinding {
  const reason = `${problem.kind} is known`;
  if (problem.kind === 'race')
    return { kind: 'race', sites: [siteOf(problem.second.frames), siteOf(problem.first.frames)], reason };
  return { kind: problem.kind as ExpectedFinding['kind'], sites: [], reason };
}

function expectFile(expected: readonly ExpectedFinding[]): string {
  const file = path('expected.json');
  writeFileSync(file, JSON.stringify({ expected }));
  return file;
}

describe('a finding that is expected', () => {
  test('does not fail the command; all of them: 0', async () => {
    const { exitCode, stdout, stderr } = await explore('--expect', expectFile(problems.map(expectationOf)));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('\nexpected: data race on global memory\n');
    expect(stdout).toContain('\n   because: race is known\n');
    expect(stdout).toMatch(/\n\d expected findings\nnothing else found\n$/);
    expect(stdout).not.toMatch(/^\d\. /m);
    expect(stdout).not.toContain('not seen');
  });

  test('leaves the others as they are: 1', async () => {
    const expected = problems.filter(({ kind }) => kind !== 'wrong output').map(expectationOf);
    const { exitCode, stdout } = await explore('--expect', expectFile(expected), '--test');
    expect(exitCode).toBe(1);
    expect(stdout.match(/^\d\. .*$/gm)).toEqual(['1. wrong output']);
    expect(stdout).toContain('\n1 finding\n\n// a test of finding 1\n');
    expect(stdout).toContain('the output is right');
  });

  test('may be declared by the kernel', async () => {
    declareExpectedFindings(moeLocalGatherDevice, problems.map(expectationOf));
    expect(await explore()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing else found') });
    declareExpectedFindings(moeLocalGatherDevice, []);
    expect((await explore()).exitCode).toBe(1);
  });

  test('is no failure of JUnit', async () => {
    const junit = path('report.xml');
    const { exitCode } = await explore('--expect', expectFile(problems.map(expectationOf)), '--junit', junit);
    expect(exitCode).toBe(0);
    expect(readFileSync(junit, 'utf8')).toContain('failures="0"');
  });

  test('that no longer occurs is told, with its reason and the number of schedules', async () => {
    const gone: ExpectedFinding = { kind: 'deadlock', sites: [], name: 'cycle', reason: 'was there once' };
    const file = expectFile([...problems.map(expectationOf), gone]);
    const { exitCode, stdout } = await explore('--expect', file);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('expected but not seen: deadlock cycle in 30 schedules (because: was there once)\n');
    const json = JSON.parse((await explore('--expect', file, '--json')).stdout);
    expect(json.expectedNotSeen).toEqual([gone]);
    expect(json.discoveries.map(({ expected }: { expected?: string }) => expected)).toEqual(
      problems.map(({ kind }) => `${kind} is known`),
    );
    // One schedule alone, or a shard, does not know.
    for (const part of [
      ['--schedule', 'rr'],
      ['--shard', '1/2', '--schedules', '30'],
    ]) {
      const { stdout: text } = await simtwin(['explore', gather, ...part, '--expect', file]);
      expect(text).not.toContain('not seen');
    }
  });

  test('shards together are the whole search; lists that differ are refused', async () => {
    const gone: ExpectedFinding = { kind: 'deadlock', sites: [], reason: 'was there once' };
    const file = expectFile([...problems.slice(0, 1).map(expectationOf), gone]);
    const whole = await explore('--expect', file, '--json');
    const shards = [path('1.json'), path('2.json')];
    for (const [at, shard] of shards.entries())
      writeFileSync(shard, (await explore('--expect', file, '--json', '--shard', `${at + 1}/2`)).stdout);
    expect(await simtwin(['explore', 'merge', ...shards, '--json'])).toEqual(whole);
    writeFileSync(shards[1]!, (await explore('--json', '--shard', '2/2')).stdout);
    const refused = await simtwin(['explore', 'merge', ...shards]);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('list of expected findings') });
  });
});

describe('what is expected', () => {
  const frame = (functionName: string, line: number): SourceFrame => ({
    functionName,
    file: 'src/kernels/moe-local-gather-device.ts',
    line,
    column: 1,
  });
  const race = (first: readonly SourceFrame[], second: readonly SourceFrame[]) =>
    ({ kind: 'race', first: { frames: first }, second: { frames: second } }) as unknown as Problem;
  const [f, g] = [frame('f', 1), frame('g', 2)];
  const site = (name: string, text = ''): ExpectedSite => ({ function: name, text });
  const of = (a: ExpectedSite, b: ExpectedSite): ExpectedFinding => ({ kind: 'race', sites: [a, b], reason: 'r' });

  test.each<readonly [what: string, ExpectedFinding, Problem, boolean]>([
    ['both sites', of(site('f'), site('g')), race([f], [g]), true],
    ['the other way round', of(site('f'), site('g')), race([g], [f]), true],
    ['a caller', of(site('f'), site('g')), race([frame('h', 3), f], [g]), true],
    ['one site for two', of(site('f'), site('f')), race([f], [g]), false],
    ['another function', of(site('f'), site('h')), race([f], [g]), false],
    ['another text', of(site('f', 'no such text'), site('g')), race([f], [g]), false],
    ['another line', of({ function: 'f', original: 'trtllm_alltoall.cuh:1' }, site('g')), race([f], [g]), false],
    ['no such line', of({ function: 'f', line: 'src/kernels/x.ts:1' }, site('g')), race([f], [g]), false],
    ['another kind', { kind: 'livelock', sites: [], reason: 'r' }, race([f], [g]), false],
    [
      'another name',
      { kind: 'deadlock', sites: [], name: 'cycle', reason: 'r' },
      { kind: 'deadlock', cause: 'launch order', sentence: '' },
      false,
    ],
  ])('%s', (_, expected, problem, is) => expect(isExpected(expected, problem)).toBe(is));

  test('a declaration without a reason or a place is refused', () => {
    const declare = (finding: ExpectedFinding) => () => declareExpectedFindings(moeLocalGatherDevice, [finding]);
    expect(declare({ kind: 'livelock', sites: [], reason: ' ' })).toThrow('it needs a reason');
    expect(declare(of({ function: 'f' }, site('g')))).toThrow("a site needs 'original', 'line' or 'text'");
    expect(declare({ kind: 'race', sites: [site('f')], reason: 'r' })).toThrow('two sites, not 1');
  });
});

describe('a file that is no good: 2, with its name and the key', () => {
  test.each([
    ['[]', 'the text must be a JSON object'],
    ['{', 'the text is not JSON'],
    ['{}', 'expected must be a list'],
    ['{"expected": [], "more": 1}', "the file: there is no key 'more'; there are expected"],
    ['{"expected": [{"kind": "rase"}]}', 'expected[0].kind must be one of race, '],
    ['{"expected": [{"kind": "livelock", "why": ""}]}', "expected[0]: there is no key 'why'; there are kind, sites"],
    ['{"expected": [{"kind": "livelock"}]}', 'expected[0].reason must be a text'],
    ['{"expected": [{"kind": "livelock", "reason": ""}]}', 'expected[0]: it needs a reason'],
    [
      '{"expected": [{"kind": "race", "reason": "r", "sites": [{"function": "f", "lin": "x"}]}]}',
      "expected[0].sites[0]: there is no key 'lin'; there are function, original, line, text",
    ],
  ])('%s', async (text, sentence) => {
    const file = path('bad.json');
    writeFileSync(file, text);
    const { exitCode, stdout, stderr } = await explore('--expect', file);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`--expect ${file}`);
    expect(stderr).toContain(sentence);
  });

  test('one that is not there', async () => {
    const { exitCode, stderr } = await explore('--expect', path('none.json'));
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('(ENOENT)') });
  });
});
