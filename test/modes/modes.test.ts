import { describe, expect, test } from 'vitest';
import { compileExport, nodeSources } from '../../src/compile/index.js';
import { createMachine, type EngineMode, type ModeChoice, programOf, registerProgram } from '../../src/index.js';
import type { Kernel, KernelBody, Pointer, Thread } from '../../src/simt/index.js';

interface Args {
  readonly out: Pointer<'u32'>;
}

const SOURCE = `import type { KernelBody, Pointer, Thread } from 'simtwin';
export function* count(t: Thread, { out }: { readonly out: Pointer<'u32'> }): KernelBody {
  yield* t.atomicAdd(out, 0, 1);
}`;

const sources = { ...nodeSources(), read: (path: string) => (path === '/count.ts' ? SOURCE : undefined) };
const program = compileExport(sources, '/count.ts', 'count');

/** A function that nobody has compiled so far. */
const newKernel = (): Kernel<Args> =>
  function* count(t: Thread, { out }: Args): KernelBody {
    yield* t.atomicAdd(out, 0, 1);
  };

/** The choices that a machine is made with, and the count, which is the number of threads. */
function run(kernel: Kernel<Args>, options: Parameters<typeof createMachine>[0]) {
  const choices: ModeChoice[] = [];
  const machine = createMachine({ ...options, onMode: (choice) => choices.push(choice) });
  const out = machine.memory.allocate('out', 'u32', 1, { zeroed: true });
  machine.stream().launch(kernel, { grid: 3, block: 40 }, { out });
  const outcome = machine.run();
  return { verdict: outcome.verdict, choices, mode: machine.mode, count: out.load() };
}

describe('createMachine', () => {
  test.each<EngineMode>(['fast', 'step', 'ref'])('runs a compiled kernel in mode %s', (mode) => {
    const kernel = newKernel();
    registerProgram(kernel, program);
    expect(run(kernel, { mode })).toEqual({
      verdict: 'completes',
      choices: [{ mode, reason: null }],
      mode,
      count: 120,
    });
  });

  test('runs in fast if nothing is said', () => {
    const kernel = newKernel();
    registerProgram(kernel, program);
    expect(run(kernel, {}).mode).toBe('fast');
  });

  test.each<EngineMode>(['fast', 'step'])('runs a kernel that is not compiled in ref, asked for %s', (mode) => {
    const reason = 'count is not compiled';
    expect(run(newKernel(), { mode })).toMatchObject({ choices: [{ mode: 'ref', reason }], mode: 'ref', count: 120 });
    expect(run(newKernel(), { mode: 'ref' })).toMatchObject({ choices: [{ mode: 'ref', reason: null }] });
  });

  test('runs a kernel whose program is refused in ref', () => {
    const kernel = newKernel();
    registerProgram(kernel, program);
    const choice = { mode: 'ref', reason: 'old' };
    expect(run(kernel, { refuseProgram: () => 'old' })).toMatchObject({ choices: [choice], mode: 'ref', count: 120 });
    expect(run(kernel, { refuseProgram: () => null })).toMatchObject({ mode: 'fast' });
  });

  test.each([
    { options: { schedule: 'rr,granule=8' }, reason: "granule=8 divides warps, which 'fast' does not" },
    { options: { record: true }, reason: "picks are recorded as steps of 'step' and 'ref'" },
  ])('runs in step what fast does not do: $reason', ({ options, reason }) => {
    const kernel = newKernel();
    registerProgram(kernel, program);
    expect(run(kernel, options)).toMatchObject({ choices: [{ mode: 'step', reason }], mode: 'step', count: 120 });
    expect(run(kernel, { ...options, mode: 'ref' })).toMatchObject({ choices: [{ mode: 'ref', reason: null }] });
  });
});

describe('the registry', () => {
  test('asks for a program when it is wanted, once', () => {
    const kernel = newKernel();
    let times = 0;
    registerProgram(kernel, () => {
      times++;
      return program;
    });
    expect(times).toBe(0);
    expect([programOf(kernel), programOf(kernel), times]).toEqual([program, program, 1]);
  });

  test('knows nothing of a kernel that nobody has registered', () => {
    expect(programOf(newKernel())).toBeNull();
  });
});
