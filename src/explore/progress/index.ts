/** Decides whether a small program ends however little a device promises about the progress of its blocks. */
export {
  checkProgress,
  describeProgress,
  type ProgressOptions,
  type ProgressResult,
} from './check-progress.js';
export { withHardwareQueues } from './hardware-queues.js';
export {
  formatProgressModel,
  type Guarantee,
  PROGRESS_GUARANTEES,
  type ProgressModel,
  parseProgressModel,
} from './model.js';
