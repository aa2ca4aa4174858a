import type { StepObserver } from './observer.js';

/** One observer that tells each of several, in their order. Domain: at least one. */
export function observeAll(observers: readonly StepObserver[]): StepObserver {
  return observers.reduce(observeBoth);
}

/** Two at a time, by name: of every access both are told, and code that calls one class at a place is faster. */
function observeBoth(first: StepObserver, second: StepObserver): StepObserver {
  // Whether each of them waits for the access to be done.
  let firstWaits = false;
  let secondWaits = false;
  return {
    begin(engine) {
      first.begin?.(engine);
      second.begin?.(engine);
    },
    blockStarts(block) {
      first.blockStarts(block);
      second.blockStarts(block);
    },
    blockEnds(block) {
      first.blockEnds(block);
      second.blockEnds(block);
    },
    access(instruction, allocation, offset, block, rank) {
      firstWaits = first.access(instruction, allocation, offset, block, rank);
      secondWaits = second.access(instruction, allocation, offset, block, rank);
      return firstWaits || secondWaits;
    },
    stored() {
      if (firstWaits) first.stored();
      if (secondWaits) second.stored();
    },
    fence(instruction, block, rank) {
      first.fence(instruction, block, rank);
      second.fence(instruction, block, rank);
    },
    meet(block, warpIndex, lanes, opcode) {
      first.meet(block, warpIndex, lanes, opcode);
      second.meet(block, warpIndex, lanes, opcode);
    },
    arrive(block, id, warpIndex, lanes) {
      first.arrive(block, id, warpIndex, lanes);
      second.arrive(block, id, warpIndex, lanes);
    },
    complete(block, id, waiting) {
      first.complete(block, id, waiting);
      second.complete(block, id, waiting);
    },
    stepEnds(block, warpIndex) {
      first.stepEnds?.(block, warpIndex);
      second.stepEnds?.(block, warpIndex);
    },
  };
}
