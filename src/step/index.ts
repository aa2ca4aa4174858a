/**
 * Mode `step`: compiled kernels whose threads are rows of integers that can be read, copied and compared.
 *
 * It makes the same steps as mode `ref`, with the same bytes, verdicts and words. What differs:
 *
 * - An OUT_OF_BOUNDS does not say from which allocation the pointer was derived: a pointer is an address. For the same
 *   reason an index that is no integer names the allocation nearest to the address.
 * - A watch reports a visible store at once, not when its thread goes on.
 * - A null pointer is address 0: its use is OUT_OF_BOUNDS, where `ref` has a TypeError of JavaScript.
 * - Source frames are those of the front end: columns, and names of functions without one, may differ from V8's.
 * - Memory that the host allocates after a snapshot stays when that is restored.
 */
export { StepEngine, type StepOptions, stepEngine } from './engine.js';
export type { HashOptions } from './hash.js';
export {
  type GranuleInfo,
  type InspectedValue,
  Inspector,
  inspectorOf,
  type ThreadInfo,
  type ThreadState,
  type VariableInfo,
} from './inspect.js';
export type { StepObserver } from './observer.js';
export { observeAll } from './observers.js';
export type { ElementValue } from './row-values.js';
