import { FastEngine, type FastOptions } from '../fast/index.js';
import { type Program, programOf } from '../program/index.js';
import type { EngineChooser, EngineFactory, EngineFacts, EngineMode, Launch } from '../simt/index.js';
import { RefEngine } from '../simt/ref-engine.js';
import { StepEngine, type StepOptions } from '../step/index.js';

/** Every mode, the default first. */
export const ENGINE_MODES: readonly EngineMode[] = ['fast', 'step', 'ref'];

/** The default: whatever can, runs vectorised. */
export const DEFAULT_MODE: EngineMode = 'fast';

/** Which mode a machine runs in, and why it is not the one that was asked for. */
export interface ModeChoice {
  readonly mode: EngineMode;
  /** Null: it is the one that was asked for. */
  readonly reason: string | null;
}

/** What may be said about the choice of a mode. */
export interface ChoiceOptions {
  /** Why a program must not run, for example because its source has changed since; null: it may. */
  readonly refuseProgram?: (program: Program) => string | null;
}

/** The mode for a run that was asked to be in `wanted`. */
export function chooseMode(wanted: EngineMode, facts: EngineFacts, { refuseProgram }: ChoiceOptions = {}): ModeChoice {
  if (wanted === 'ref') return { mode: 'ref', reason: null };
  for (const launch of facts.launches) {
    const program = programOf(launch.kernel);
    if (program === null) return { mode: 'ref', reason: `${nameOf(launch)} is not compiled` };
    const refusal = refuseProgram?.(program) ?? null;
    if (refusal !== null) return { mode: 'ref', reason: refusal };
  }
  const reason = wanted === 'fast' ? beyondFast(facts) : null;
  return { mode: reason === null ? wanted : 'step', reason };
}

/** What `fast` cannot do of a run, whatever its kernels are; null: it can do all of it. */
export function beyondFast({ schedule, record, isWatched }: Omit<EngineFacts, 'launches'>): string | null {
  if (schedule.granule !== 32) return `granule=${schedule.granule} divides warps, which 'fast' does not`;
  if (schedule.policy.kind === 'picks') return "picks count the steps of 'step' and 'ref'";
  if (schedule.memory.kind !== 'sc') return `${schedule.memory.kind} are there in 'step' alone`;
  if (record) return "picks are recorded as steps of 'step' and 'ref'";
  if (isWatched) return "'fast' does not watch memory";
  return null;
}

/** Whether an error says that mode `fast` has come to something that only the others can do. */
export const asksForStep = (error: unknown): error is RangeError =>
  error instanceof RangeError && error.message.includes("use mode 'step'");

const nameOf = ({ name }: Launch): string => name || 'the kernel';

/** How an engine is chosen and made. */
export interface EngineOptions extends ChoiceOptions {
  /** Told once which mode runs, before the first step. */
  readonly onMode?: (choice: ModeChoice) => void;
  readonly fast?: FastOptions;
  readonly step?: Pick<StepOptions, 'observer' | 'programOf'>;
}

/** Chooses the engine of a machine: `wanted`, or another mode where something needs it. */
export function engineFor(
  wanted: EngineMode,
  { onMode, fast = {}, step = {}, ...options }: EngineOptions = {},
): EngineChooser {
  return (facts): EngineFactory => {
    const choice = chooseMode(wanted, facts, options);
    onMode?.(choice);
    switch (choice.mode) {
      case 'ref':
        return (host) => new RefEngine(host);
      case 'step':
        return (host) => new StepEngine(host, step);
      case 'fast':
        return (host) => new FastEngine(host, fast);
      default:
        return choice.mode satisfies never;
    }
  };
}
