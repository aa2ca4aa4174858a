import { type BarrierReuse, type Race, RaceChecker } from '../../src/check/index.js';
import { describeOutcome, type EngineMode, type FaultCode, type Machine, type Outcome } from '../../src/simt/index.js';
import type { Detector, ZooEntry } from './entry.js';

/** How a fault shows; null: a mistake of the zoo, or of the machine. */
const DETECTOR_OF_FAULT: Readonly<Record<FaultCode, Detector | null>> = {
  OUT_OF_BOUNDS: 'out of bounds',
  USE_AFTER_FREE: 'out of bounds',
  MISALIGNED: 'misaligned',
  UNDEFINED_READ: 'undefined',
  UNDEFINED_SHUFFLE: 'undefined',
  WARP_MASK: 'barrier',
  WARP_DIVERGENCE: 'barrier',
  BARRIER_ID: 'barrier',
  BARRIER_COUNT: 'barrier',
  BARRIER_DIVERGENCE: 'barrier',
  BARRIER_ARRIVALS: 'barrier',
  SHARED_DECLARATION: null,
  DROPPED_OPERATION: null,
  INVALID_OPERAND: null,
  KERNEL_THREW: null,
};

const DETECTOR_OF_FINDING: Readonly<Record<(Race | BarrierReuse)['kind'], Detector>> = {
  race: 'race',
  'barrier reuse': 'barrier',
};

/** Far more than a sound kernel of the zoo takes. */
const LIMITS = { maxSteps: 2 ** 22 };

/** What a run of an entry showed. */
export interface Observation {
  readonly verdict: Outcome['verdict'];
  readonly mode: EngineMode | null;
  /** The outcome, for messages. */
  readonly text: string;
  readonly detectors: ReadonlySet<Detector>;
  /** What the checker found; nothing in mode `fast`, which it cannot observe. */
  readonly races: readonly (Race | BarrierReuse)[];
  /** Words of 'output'; null unless the run completes. */
  readonly output: readonly number[] | null;
}

/** Runs an entry's bug or its twin under one schedule. */
export function observe(
  entry: ZooEntry,
  which: 'buggy' | 'fixed',
  schedule: string,
  mode: 'step' | 'fast' = 'step',
): Observation {
  const resident = entry.residentBlocks === null ? '' : `,resident=${entry.residentBlocks}`;
  const checker = new RaceChecker();
  const machine = entry[which]({ mode, limits: LIMITS, schedule: schedule + resident, step: { observer: checker } });
  const outcome = machine.run();
  const { verdict } = outcome;
  const output = verdict === 'completes' ? wordsOfOutput(machine, entry) : null;
  const detectors = new Set<Detector>();
  if (verdict === 'deadlock' || verdict === 'livelock') detectors.add(verdict);
  if (verdict === 'error') {
    const detector = DETECTOR_OF_FAULT[outcome.error.code];
    if (detector === null) throw new Error(`${entry.id} under ${schedule}: ${outcome.error.message}`);
    detectors.add(detector);
  }
  const isWrong = output !== null && output.join() !== entry.output.join();
  if (isWrong || detectors.has('out of bounds')) detectors.add('overflow');
  for (const { kind } of checker.findings) detectors.add(DETECTOR_OF_FINDING[kind]);
  const text = describeOutcome(outcome, machine.limits);
  return { verdict, mode: machine.mode, text, detectors, races: checker.findings, output };
}

function wordsOfOutput({ memory }: Machine, { output }: ZooEntry): number[] {
  const allocation = memory.space.allocations.find(({ name }) => name === 'output');
  if (allocation === undefined) throw new Error("the entry has no allocation 'output'");
  return Array.from({ length: output.length }, (_, index) => allocation.read('u32', index * 4) as number);
}

/** What an entry's bug shows under all of its schedules. */
export function detectorsShown(observations: readonly Observation[]): ReadonlySet<Detector> {
  const shown = new Set(observations.flatMap(({ detectors }) => [...detectors]));
  const outputs = observations.flatMap(({ output }) => (output === null ? [] : [output.join()]));
  if (new Set(outputs).size > 1) shown.add('schedule-dependent');
  return shown;
}
