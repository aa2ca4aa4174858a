/** What engines outside of this room share with mode `ref`: the machine's own, not for kernels or users. */
export { atomicResult, performAtomic } from './atomics.js';
export { BARRIER_COUNT } from './barrier.js';
export { combine, shuffleLane } from './collectives.js';
export { Fault } from './errors.js';
export {
  barrierDivergence,
  barrierInUse,
  checkBarrierCount,
  faultOf,
  notInMask,
  secondArrival,
  undefinedShuffle,
  warpDivergence,
} from './faults.js';
export { lanesOf, lowestLane } from './lanes.js';
export {
  type AllocationCopy,
  copyAllocation,
  restoreAllocation,
} from './memory-copy.js';
export {
  isAccess,
  isBarrier,
  isCollective,
  OP_ACTIVEMASK,
  OP_ALL,
  OP_ANY,
  OP_ATOMIC_CAS,
  OP_ATOMIC_EXCH,
  OP_BALLOT,
  OP_BARRIER_ARRIVE,
  OP_MATCH_ALL,
  OP_MATCH_ANY,
  OP_REDUX_MAX,
  OP_REDUX_MIN,
  OP_SHFL_DOWN,
  OP_SHFL_IDX,
  OP_SHFL_UP,
  OP_SHFL_XOR,
  OP_SYNCWARP,
  OPERATION_NAMES,
  type Opcode,
  type Ordering,
} from './operation.js';
export { granuleShiftOf } from './schedule.js';
export type { LastStep, ReadyView } from './scheduler.js';
export { PHASE_DONE, PHASE_EXITED, PHASE_IDLE, PHASE_PENDING } from './thread.js';
export { describeOperation } from './thread-site.js';
export { type BlockView, groupWaiting } from './waiting.js';
