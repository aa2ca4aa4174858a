/** What happened in a run of mode `step`: waits, FIFOs, flows, barriers, counts by line; and a trace of it for Perfetto. */
export { packTimeline, unpackTimeline } from './pack.js';
export { recordTimeline } from './record-timeline.js';
export { DEFAULT_TIMELINE_LIMITS, type TimelineLimits, TimelineRecorder } from './recorder.js';
export {
  type BarrierTable,
  type BlockTable,
  FIFO_EVENT_KINDS,
  type FifoEventKind,
  type FifoEventTable,
  type FlowTable,
  type Losses,
  type Timeline,
  type TimelineFifo,
  type TimelineLaunch,
  type TimelineLine,
  type TimelineSite,
  type TimelineWord,
  WAIT_KINDS,
  type WaitKind,
  type WaitTable,
  type WarpTable,
} from './timeline.js';
export { perfettoTrace, type TraceOptions } from './trace.js';
