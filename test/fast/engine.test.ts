import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { compiledKernelOf, TraceRing } from '../../src/fast/index.js';
import { createMachine } from '../../src/modes/index.js';
import { type Program, registerProgram } from '../../src/program/index.js';
import { describeOutcome, type Kernel } from '../../src/simt/index.js';
import {
  type Args,
  ballotOfTwo,
  countUnderLock,
  oneLaneForEver,
  rotate,
  showAddress,
  storeForEver,
  waitForNobody,
} from './kernels.js';

const compiler = createCompiler(nodeSources());
const path = fileURLToPath(new URL('kernels.ts', import.meta.url));

function compiled(kernel: Kernel<Args>): Program {
  const program = compiler.compile(path, kernel.name);
  registerProgram(kernel, program);
  return program;
}

function run(kernel: Kernel<Args>, options: Parameters<typeof createMachine>[0] = {}) {
  const machine = createMachine({ mode: 'fast', ...options });
  const out = machine.memory.allocate('out', 'u32', 64, { zeroed: true });
  machine.stream().launch(kernel, { grid: 1, block: 32 }, { out });
  const outcome = machine.run();
  return { machine, outcome, words: new Uint32Array(machine.memory.download(out, 64).buffer) };
}

describe('mode fast', () => {
  test('runs compiled kernels, and those that are not compiled in ref, and says so', () => {
    const choices: string[] = [];
    const onMode = ({ mode, reason }: { mode: string; reason: string | null }) => choices.push(`${mode}: ${reason}`);
    expect(run(rotate, { onMode }).machine.mode).toBe('ref');
    compiled(rotate);
    const { machine, words } = run(rotate, { onMode });
    expect(machine.mode).toBe('fast');
    expect([...words.subarray(0, 32)]).toEqual(Array.from({ length: 32 }, (_, lane) => (lane + 1) % 32));
    expect(choices).toEqual(['ref: rotate is not compiled', 'fast: null']);
  });

  test('lanes that spin on a lock come out one by one', () => {
    compiled(countUnderLock);
    for (const schedule of ['rr', 'random:7', 'blocked']) {
      const { outcome, words } = run(countUnderLock, { schedule });
      expect(outcome.verdict).toBe('completes');
      expect([...words.subarray(0, 2)]).toEqual([0, 32]);
    }
  });

  test('a poll in vain for ever ends by the limit, and says what polls where', () => {
    compiled(waitForNobody);
    const { machine, outcome } = run(waitForNobody, { limits: { maxIdleSteps: 100 } });
    expect(outcome.verdict).toBe('budget');
    expect(describeOutcome(outcome, machine.limits)).toMatch(
      /lanes 0-31: polls in vain with ld\.volatile\.u32 at test\/fast\/kernels\.ts:\d+/,
    );
  });

  test.each([storeForEver, oneLaneForEver])('a loop that nobody can end is given up: $name', (kernel) => {
    compiled(kernel);
    expect(() => run(kernel)).toThrow(
      /warp 0 goes round a loop at test\/fast\/kernels\.ts:\d+ that no other thread can end, 16 million times so far; mode 'fast' gives up: use mode 'step'/,
    );
  });

  test('masks that do not name each other are not modelled: the error says which mode does', () => {
    compiled(ballotOfTwo);
    expect(() => run(ballotOfTwo)).toThrow(/mode 'fast' does not model that: use mode 'step' or 'ref'/);
  });

  test('an address of shared memory as a number is refused', () => {
    compiled(showAddress);
    expect(() => run(showAddress)).toThrow(/which for shared memory differs in mode 'fast': use mode 'step' or 'ref'/);
  });
});

describe('a trace of accesses', () => {
  test('has every access of every lane, in order', () => {
    compiled(rotate);
    const trace = new TraceRing(256);
    run(rotate, { fast: { trace } });
    const accesses = [...trace.accesses()];
    expect(accesses.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 32 }, () => 'store'),
      ...Array.from({ length: 32 }, () => 'load'),
      ...Array.from({ length: 32 }, () => 'store'),
    ]);
    expect(accesses.map(({ thread }) => thread)).toEqual([...Array(96).keys()].map((at) => at % 32));
    expect(accesses[64]!.address).toBe(0x7f0000000000);
    expect(accesses[65]!.address - accesses[64]!.address).toBe(4);
  });

  test('costs nothing where there is none: the code has no trace of it', () => {
    const program = compiled(rotate);
    const options = { hasWholeRows: true };
    expect(compiledKernelOf(program, { ...options, trace: false }, []).source).not.toContain('sink');
    expect(compiledKernelOf(program, { ...options, trace: true }, []).source).toContain('E.sink.access(');
  });
});
