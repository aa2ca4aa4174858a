import {
  asksForStep,
  beyondFast,
  type CallOptions,
  type EngineMode,
  type Machine,
  type ModeChoice,
  type Outcome,
} from '../index.js';
import { drive } from './drive.js';
import { mostResidentThreads } from './heap.js';
import type { CliIo } from './io.js';
import { refuseStaleProgram } from './package-files.js';
import type { Progress } from './progress.js';
import type { RunSettings } from './run-options.js';
import { TRACE_REASON } from './trace-file.js';

/** Told of the mode before anything runs in it; several times, if a run has to begin anew in another. */
export type OnMode = (choice: ModeChoice) => void;

/**
 * Sets up a call and runs it to its end: in the mode that is asked for, or in one that can. `setUp` gets the options and
 * makes the call; it may be called more than once.
 * @throws Interrupted; what `setUp` throws
 */
export async function runInMode<C extends { readonly machine: Machine }>(
  {
    mode,
    schedule,
    record,
    trace,
    callOptions,
  }: Pick<RunSettings, 'mode' | 'schedule' | 'record' | 'trace' | 'callOptions'>,
  setUp: (options: CallOptions) => C,
  io: CliIo,
  progress: Progress,
  onMode: OnMode = () => {},
): Promise<{ readonly call: C; readonly outcome: Outcome }> {
  const run = async (wanted: ModeChoice): Promise<{ readonly call: C; readonly outcome: Outcome }> => {
    const note = ({ mode, reason }: ModeChoice) => {
      if (mode === 'ref' && trace !== null) throw untraceable(reason);
      if (mode !== wanted.mode) throw new OtherMode({ mode, reason });
      onMode(wanted);
    };
    const call = setUp({ ...optionsIn(wanted.mode, callOptions), onMode: note });
    try {
      return { call, outcome: await drive(call.machine, io, progress) };
    } catch (error) {
      const other = otherModeFor(error);
      if (other === null) throw error;
      return run(other);
    }
  };
  const beyond = beyondFast({ schedule, record, isWatched: false }) ?? (trace === null ? null : TRACE_REASON);
  const reason = mode === 'fast' ? beyond : null;
  return run({ mode: reason === null ? mode : 'step', reason });
}

/** How a call is set up that is to run in `mode`: as many threads as that mode has room for. */
export const optionsIn = (mode: EngineMode, options: CallOptions): CallOptions => ({
  ...options,
  mode,
  limits: { maxResidentThreads: mostResidentThreads(mode), ...options.limits },
  refuseProgram: refuseStaleProgram,
});

/** Threads of mode `ref` cannot be looked at. */
const untraceable = (reason: string | null): RangeError =>
  new RangeError(`${reason}; a run in mode 'ref' cannot be traced: compile it (npm run build)`);

/** A machine would run in another mode than its limits were reckoned for. */
class OtherMode extends Error {
  readonly choice: ModeChoice;

  constructor(choice: ModeChoice) {
    super(`mode ${choice.mode}: ${choice.reason}`);
    this.choice = choice;
  }
}

/** The mode to try after an error; null: another mode would not help. */
function otherModeFor(error: unknown): ModeChoice | null {
  if (error instanceof OtherMode) return error.choice;
  if (!asksForStep(error)) return null;
  return { mode: 'step', reason: error.message.replace(/[:;,]? use mode 'step'.*$/s, '') };
}

/** An {@link OnMode} for what needs more of a run than its outcome. @throws RangeError if it cannot be had */
export function requireCompiled({ mode, reason }: ModeChoice): void {
  if (mode === 'ref')
    throw new RangeError(`${reason}; a run in mode 'ref' cannot be explained: compile it (npm run build)`);
}
