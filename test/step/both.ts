import { expect } from 'vitest';
import {
  describeOutcome,
  formatSchedule,
  type Machine,
  type MachineOptions,
  type Outcome,
} from '../../src/simt/index.js';
import { copyAllocation } from '../../src/simt/memory-copy.js';
import { type StepOptions, stepEngine } from '../../src/step/index.js';

/** Everything about a run that the modes must agree on. */
export interface Run {
  readonly mode: string | null;
  readonly verdict: Outcome['verdict'];
  /** Verdict in words: sites, reasons and source lines of errors and of those who wait. */
  readonly text: string;
  readonly steps: number;
  readonly picks: string;
  /** A digest of each allocation: bytes and definedness. */
  readonly memory: readonly string[];
}

/** Options of a machine, for `new Machine` and for what makes one by mode. */
export interface BothOptions extends MachineOptions {
  readonly mode: 'ref' | 'step';
}

/** Runs what `setUp` puts on a machine to its end. */
function runIn(
  mode: 'ref' | 'step',
  schedule: string,
  setUp: (options: BothOptions) => Machine,
  options: StepOptions = {},
): Run {
  const engine = mode === 'step' ? { engine: stepEngine(options) } : {};
  const machine = setUp({ schedule, record: true, mode, ...engine });
  const run = runOf(machine, machine.run());
  expect(run.mode).toBe(mode);
  return run;
}

export function runOf(machine: Machine, outcome: Outcome): Run {
  return {
    mode: machine.mode,
    verdict: outcome.verdict,
    text: describeOutcome(outcome, machine.limits),
    steps: outcome.steps,
    picks: formatSchedule(machine.recordedSchedule),
    memory: memoryOf(machine),
  };
}

/** A digest of each allocation of global memory. */
const memoryOf = (machine: Machine): string[] =>
  machine.memory.space.allocations.map((allocation) => {
    const { pages, bytes, bits, undefinedBytes } = copyAllocation(allocation);
    return `${allocation.name}: ${undefinedBytes} undefined, pages ${digest(pages)}, bytes ${digest(bytes)}, bits ${digest((bits ?? []).filter((byte) => byte !== 0))}`;
  });

function digest(numbers: Iterable<number>): string {
  let hash = 0x811c9dc5;
  for (const number of numbers) hash = Math.imul(hash ^ number, 0x01000193);
  return (hash >>> 0).toString(16);
}

/** What a run in mode `step` has in common with one in mode `ref`. */
export const comparable = ({ mode: _, ...run }: Run): Omit<Run, 'mode'> => run;

/** Runs the same in both modes and expects the same of them. Result: the run in mode `step`. */
export function expectSame(schedule: string, setUp: (options: BothOptions) => Machine, options: StepOptions = {}): Run {
  const ref = runIn('ref', schedule, setUp);
  const step = runIn('step', schedule, setUp, options);
  expect(comparable(step)).toEqual(comparable(ref));
  return step;
}
