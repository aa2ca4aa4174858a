import { type EngineMode, Machine, type MachineOptions } from '../simt/index.js';
import { DEFAULT_MODE, type EngineOptions, engineFor } from './choose-engine.js';

/** How a machine runs, its mode included. */
export interface ModeOptions extends Omit<MachineOptions, 'engine'>, EngineOptions {
  /** Default `fast`. Where something needs another mode, the machine switches and says so to `onMode`. */
  readonly mode?: EngineMode;
}

/**
 * A machine that runs compiled kernels: vectorised by default, in `ref` those that nobody has compiled.
 * @throws RangeError if the schedule or a limit is not valid.
 */
export function createMachine({
  mode = DEFAULT_MODE,
  onMode,
  refuseProgram,
  fast,
  step,
  ...options
}: ModeOptions = {}): Machine {
  const engine = engineFor(mode, {
    ...(onMode === undefined ? {} : { onMode }),
    ...(refuseProgram === undefined ? {} : { refuseProgram }),
    ...(fast === undefined ? {} : { fast }),
    ...(step === undefined ? {} : { step }),
  });
  return new Machine({ ...options, engine });
}
