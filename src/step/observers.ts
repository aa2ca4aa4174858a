import type { StepObserver } from './observer.js';

/** One observer that tells each of several, in their order. */
export function observeAll(observers: readonly StepObserver[]): StepObserver {
  const [only] = observers;
  if (only !== undefined && observers.length === 1) return only;
  /** Whether each of them waits for the access to be done. */
  const waits = observers.map(() => false);
  const count = observers.length;
  return {
    blockStarts(block) {
      for (const observer of observers) observer.blockStarts(block);
    },
    blockEnds(block) {
      for (const observer of observers) observer.blockEnds(block);
    },
    access(instruction, allocation, offset, block, rank) {
      let isAwaited = false;
      // By index: this is told of every access.
      for (let at = 0; at < count; at++) {
        const own = observers[at]!.access(instruction, allocation, offset, block, rank);
        waits[at] = own;
        if (own) isAwaited = true;
      }
      return isAwaited;
    },
    stored() {
      for (let at = 0; at < count; at++) if (waits[at]!) observers[at]!.stored();
    },
    fence(instruction, block, rank) {
      for (const observer of observers) observer.fence(instruction, block, rank);
    },
    meet(block, warpIndex, lanes, opcode) {
      for (const observer of observers) observer.meet(block, warpIndex, lanes, opcode);
    },
    arrive(block, id, warpIndex, lanes) {
      for (const observer of observers) observer.arrive(block, id, warpIndex, lanes);
    },
    complete(block, id, waiting) {
      for (const observer of observers) observer.complete(block, id, waiting);
    },
  };
}
