/**
 * The oracle: a sequential implementation of every operation, written from its meaning and never from the port.
 */
export {
  type AllToAllCompletion,
  type AllToAllInput,
  type AllToAllRank,
  type AllToAllRefusal,
  type AllToAllRefusalReason,
  allToAllReference,
  linkChannelIndex,
  type OutputRow,
} from './all-to-all.js';
export { channelCountReference, workspaceBytesReference } from './channels.js';
export { type FifoShape, ORIGINAL_FIFO } from './fifo-shape.js';
export { type LocalGatherInput, type LocalGatherOutput, localGatherReference } from './local-gather.js';
export { type PrepareIndicesInput, type PrepareIndicesOutput, prepareIndicesReference } from './prepare-indices.js';
