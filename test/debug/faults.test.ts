import { describe, expect, test } from 'vitest';
import { DEBUG_COMMANDS } from '../../src/cli/debug-commands.js';
import { DebugShell } from '../../src/cli/debug-shell.js';
import { registerProgram } from '../../src/program/index.js';
import { describeOutcome, type Kernel, Machine } from '../../src/simt/index.js';
import { stepEngine } from '../../src/step/index.js';
import * as faulty from '../step/faulty-kernels.js';
import { compiled } from '../step/programs.js';
import { finish, sessionOf } from './support.js';

const kernels = new Map(Object.entries(faulty)) as ReadonlyMap<string, Kernel<faulty.FaultyArgs>>;
for (const [name, kernel] of kernels) {
  registerProgram(kernel as Kernel<never>, compiled('test/step/faulty-kernels.ts', name));
}

function setUp(kernel: Kernel<faulty.FaultyArgs>, schedule: string): Machine {
  const machine = new Machine({ schedule, engine: stepEngine(), limits: { maxIdleSteps: 500 } });
  const { memory } = machine;
  const data = memory.upload('data', 'u32', new Uint32Array(64).fill(1));
  const wide = memory.upload('wide', 'u64', new Uint32Array(32));
  const raw = memory.allocate('raw', 'u32', 64);
  machine.stream(2).launch(kernel, { grid: 2, block: { x: 16, y: 4, z: 1 } }, { data, wide, raw });
  return machine;
}

describe.each(['rr', 'random:2,granule=8'])(
  '%s: a run that fails can be looked at, gone back from, and fails again',
  (schedule) => {
    test.each([...kernels.keys()])('%s', async (name) => {
      const session = sessionOf(() => setUp(kernels.get(name)!, schedule));
      session.addBreakpoint({ kind: 'line', places: [{ file: 'no.ts', line: 1 }] });
      const told = () => describeOutcome(session.outcome!, session.machine.limits);
      const stop = finish(session.continue());
      expect(stop.reason).toBe('end');
      const [end, first] = [session.position, told()];
      expect(session.thread).not.toBeNull();
      const lines: string[] = [];
      const host = {
        print: (line: string) => lines.push(line),
        breathe: async () => false,
        readFile: () => '',
        writeFile: () => {},
      };
      const shell = new DebugShell(session, host, DEBUG_COMMANDS, null);
      for (const command of [
        'info locals',
        'info registers',
        'info args',
        'info shared',
        'info threads',
        'info launches',
        'bt',
        'why',
        'focus',
        'step',
      ])
        await shell.execute(command);
      expect(lines.join('\n')).not.toContain('undefined at');
      expect(finish(session.goTo(0))).toEqual({ reason: 'done' });
      finish(session.continue());
      expect([session.position, told()]).toEqual([end, first]);
      finish(session.goTo(Math.max(0, end - 1)));
      expect(session.outcome).toBeNull();
      for (let step = 0; step < 4; step++) finish(session.back('line'));
      finish(session.goTo(end));
      expect(told()).toBe(first);
    });
  },
);
