/** Mode `step`: compiled kernels whose threads are rows of integers that can be read, copied and compared. */
export { StepEngine, type StepOptions, stepEngine } from './engine.js';
export type { HashOptions, MemoryRange } from './hash.js';
export {
  type ElementValue,
  type GranuleInfo,
  type InspectedValue,
  Inspector,
  inspectorOf,
  type ThreadInfo,
  type ThreadState,
  type VariableInfo,
} from './inspect.js';
