import { describe, expect, test } from 'vitest';
import {
  ASSUMPTIONS,
  type AssumptionResult,
  dropAssumption,
  runSchedule,
  type Workload,
  withoutAssumption,
} from '../../src/explore/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { compareCall, setUpCall } from '../../src/tools/index.js';
import { readFixture } from '../corpus/captures.js';
import { compiled, registerKernels } from '../step/programs.js';
import type { LineArgs } from './assumption-kernels.js';
import * as kernels from './assumption-kernels.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/explore/assumption-kernels.ts', name));
}

registerKernels();

/** Rank 0 sends a line to rank 1, as blocks of one launch. */
const workload = (kernel: Kernel<LineArgs>): Workload => ({
  name: kernel.name,
  begin(options) {
    const machine = createMachine(options);
    const line = machine.memory.allocate('line', 'u64', 16, { zeroed: true });
    const received = machine.memory.allocate('received', 'u64', 8, { zeroed: true });
    machine.stream().launch(kernel, { grid: 2, block: 8 }, { line, received });
    const { u64 } = received.allocation;
    const words = () => Array.from(u64.subarray(0, 8));
    return {
      machine,
      wrong: () => (words().every((word, lane) => word === BigInt(lane) + 7n) ? null : `received ${words().join()}`),
      output: () => words().join(),
    };
  },
});

function examine(kernel: Kernel<LineArgs>, name: string | null): AssumptionResult {
  const assumption = ASSUMPTIONS.find((known) => known.name === name) ?? null;
  const search = dropAssumption({ workload: workload(kernel), schedules: 200, seed: 0 }, assumption);
  for (let next = search.next(); ; next = search.next()) if (next.done === true) return next.value;
}

describe('what is seen as a whole', () => {
  test.each([
    [kernels.flagOfLine, ['128-byte lines', 'vector accesses']],
    [kernels.flagOfLane, ['vector accesses']],
    [kernels.flagBehind, ['stores in order']],
  ] as const)('%o needs just %o', (kernel, needed) => {
    const found = [null, ...ASSUMPTIONS.map(({ name }) => name)].filter(
      (name) => examine(kernel, name).broken !== null,
    );
    expect(found).toEqual(needed);
  });

  test('LL128 without whole lines: a schedule of at most 40 steps, which shows it again', () => {
    const { broken, assumption } = examine(kernels.flagOfLine, '128-byte lines');
    expect(broken).toMatchObject({ problem: { kind: 'wrong output' } });
    expect(broken!.steps).toBeLessThanOrEqual(40);
    for (let time = 0; time < 2; time++) {
      const again = runSchedule(withoutAssumption(workload(kernels.flagOfLine), assumption!), {
        index: 0,
        token: broken!.schedule,
      });
      expect(again.discoveries.map(({ problem }) => problem)).toEqual([broken!.problem]);
    }
  });
});

describe('programs whose vector accesses are taken apart', () => {
  test.each(['all-to-all/ep2-bf16x7168', 'all-to-all/ep3-u8x1904-strided'])('%s leaves the same memory', (name) => {
    const capture = readFixture(name);
    const workload: Workload = {
      name,
      begin(options) {
        const call = setUpCall(capture, options, name);
        return { machine: call.machine, wrong: () => String(compareCall(call).differingBytes), output: () => '' };
      },
    };
    const [steps, more] = [ASSUMPTIONS[0]!, ASSUMPTIONS[2]!].map((assumption) => {
      const { machine, wrong } = withoutAssumption(workload, assumption).begin({ mode: 'step', schedule: 'rr' });
      expect(machine.run().verdict).toBe('completes');
      expect(wrong()).toBe('0');
      return machine.steps;
    });
    expect(more).toBeGreaterThan(steps!);
  });
});
