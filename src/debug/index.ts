/**
 * A debugger of runs in mode `step`, forwards and backwards: focus, steps, breakpoints, conditions, time travel. It
 * prints nothing and reads no commands: a terminal or an adapter does.
 */
export type { Breakpoint, StopAt } from './breakpoints.js';
export {
  EvaluationError,
  EXPRESSION_HELP,
  type Expression,
  ExpressionError,
  type ExpressionValue,
  MEMORY_TYPES,
  type MemoryType,
  parseExpression,
} from './expression.js';
export { type FifoLayout, type FifoState, readFifos } from './fifo.js';
export { blockOf, type Focus, laneOf, type Unit, warpOf } from './focus.js';
export type { SourceMap, SourcePlace } from './places.js';
export {
  DebugSession,
  type Goal,
  type Granularity,
  STEP_POLICIES,
  type StepPolicy,
  type Stop,
  type WriteFound,
} from './session.js';
export { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits } from './snapshot-store.js';
export { DIM_NAMES, THREAD_NAMES, ThreadScope } from './thread-scope.js';
export type { ThreadsAt, Wait } from './threads-at.js';
export type { Running } from './timeline.js';
