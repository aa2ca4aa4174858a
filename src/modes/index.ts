/** The three ways to run a kernel, and which of them a machine takes. */
export {
  asksForStep,
  beyondFast,
  type ChoiceOptions,
  chooseMode,
  DEFAULT_MODE,
  ENGINE_MODES,
  type EngineOptions,
  engineFor,
  type ModeChoice,
} from './choose-engine.js';
export { createMachine, type ModeOptions } from './create-machine.js';
