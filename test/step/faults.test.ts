import { describe, expect, test } from 'vitest';

import { registerProgram } from '../../src/program/index.js';
import { type Kernel, Machine, type MachineOptions } from '../../src/simt/index.js';
import { expectSame } from './both.js';
import * as faulty from './faulty-kernels.js';
import { compiled } from './programs.js';

const SCHEDULES = ['rr', 'blocked', 'random:5', 'random:2,granule=8', 'rr,granule=1'];

const kernels = new Map(Object.entries(faulty)) as ReadonlyMap<string, Kernel<faulty.FaultyArgs>>;
for (const [name, kernel] of kernels) {
  registerProgram(kernel as Kernel<never>, compiled('test/step/faulty-kernels.ts', name));
}

function setUp(kernel: Kernel<faulty.FaultyArgs>) {
  return (options: MachineOptions): Machine => {
    const machine = new Machine({ ...options, limits: { maxIdleSteps: 500 } });
    const { memory } = machine;
    const data = memory.upload('data', 'u32', new Uint32Array(64).fill(1));
    const wide = memory.upload('wide', 'u64', new Uint32Array(32));
    const raw = memory.allocate('raw', 'u32', 64);
    machine.stream(2).launch(kernel, { grid: 2, block: { x: 16, y: 4, z: 1 } }, { data, wide, raw });
    return machine;
  };
}

describe.each(SCHEDULES)('%s: the same error, in the same words, of the same memory', (schedule) => {
  test.each([...kernels.keys()])('%s', (name) => {
    expect(expectSame(schedule, setUp(kernels.get(name)!)).verdict).not.toBe('completes');
  });
});
