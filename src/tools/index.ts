/** What one does with captured calls: set up, run, compare, explain. Pure: no files, no terminal. */
export type { Call, CallOptions, ExpectedBytes } from './call.js';
export { type ChannelTableDifference, checkChannelTable } from './check-channel-table.js';
export { type Comparison, compareCall, type FirstDifference } from './compare.js';
export { generateCapture } from './generate.js';
export { GENERATE_ARGS, type GenerateArg } from './generate-args.js';
export { checkAgainstReference, expectedByReference } from './generate-check.js';
export {
  findLastWriter,
  judge,
  type LastWriter,
  type LastWriterSearch,
  type ReplayResult,
  searchLastWriter,
  setUpCall,
} from './replay.js';
export { type Dimension, type Flip, flipsOf, setUpVariation, type Variation } from './what-if.js';
