import { describe, expect, test } from 'vitest';
import type { Instruction, Program } from '../../src/program/index.js';
import { type StepOptions, stepEngine } from '../../src/step/index.js';
import { runPort } from '../conformance/harness.js';
import { ports, wholeWarpsOnly } from '../conformance/ports.js';
import { readRecordings } from '../conformance/recordings.js';
import { compiled } from './programs.js';

const SCHEDULES = ['rr', 'random:1', 'blocked', 'random:1,granule=8'];

const programs = new Map<string, Program>();

function programOf(name: string): Program {
  const known = programs.get(name);
  if (known !== undefined) return known;
  const program = compiled('test/conformance/ports.ts', 'ports', name);
  programs.set(name, program);
  return program;
}

const [recording] = readRecordings();
const { kernels } = recording!;

/** How many words of `out` differ from the GPU's; -1 if the run does not complete. */
function differences(name: string, schedule: string, options: StepOptions = {}): number {
  const { launch, out } = kernels.get(name)!;
  const engine = stepEngine({ ...options, programOf: () => programOf(name) });
  try {
    const words = runPort(ports[name]!, launch, out.length, schedule, engine);
    return [...out.keys()].filter((at) => words[at] !== out[at]).length;
  } catch (error) {
    if (options.plant === undefined) throw error;
    return -1;
  }
}

describe.each(SCHEDULES)('the words of the GPU, %s', (schedule) => {
  const names = [...kernels.keys()].filter((name) => !(schedule.includes('granule') && wholeWarpsOnly.has(name)));
  test.each(names)('%s', (name) => {
    expect(differences(name, schedule)).toBe(0);
  });
});

/** One operator compiled as another. */
const replacing =
  (op: Instruction['op'], from: string, to: string) =>
  (instruction: Instruction): Instruction => {
    if (instruction.op !== op) return instruction;
    if ('operator' in instruction && instruction.operator === from)
      return { ...instruction, operator: to } as Instruction;
    if ('operation' in instruction && instruction.operation === from) {
      return { ...instruction, operation: to } as Instruction;
    }
    return instruction;
  };

describe('an operator that is compiled wrongly is noticed by some recording', () => {
  test.each<[string, string, (instruction: Instruction) => Instruction]>([
    ['add as sub', 'integers', replacing('binary', 'add', 'sub')],
    ['and as or', 'integers', replacing('binary', 'and', 'or')],
    ['shr as shl', 'integers', replacing('binary', 'shr', 'shl')],
    ['popc as clz', 'integers', replacing('unary', 'popc', 'clz')],
    ['lt as le', 'integers', replacing('compare', 'lt', 'le')],
    ['any as all', 'votes', replacing('collective', 'any', 'all')],
    ['shfl.up as shfl.down', 'shuffles', replacing('collective', 'shfl.up', 'shfl.down')],
    ['match.any as match.all', 'matches', replacing('collective', 'match.any', 'match.all')],
    ['redux.min as redux.max', 'reductions', replacing('collective', 'redux.min', 'redux.max')],
    ['atomic max as min', 'atomics', replacing('atomic', 'max', 'min')],
    ['cas as exch', 'atomics', replacing('atomic', 'cas', 'exch')],
    [
      'barriers left out',
      'barriers',
      (instruction) =>
        instruction.op === 'barrier' ? { op: 'fence', scope: 'block', site: instruction.site } : instruction,
    ],
  ])('%s (%s)', (_, __, plant) => {
    expect([...kernels.keys()].some((name) => differences(name, 'rr', { plant }) !== 0)).toBe(true);
  });
});
