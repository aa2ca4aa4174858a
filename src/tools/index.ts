/** What one does with captured calls: set up, run, compare, explain. Pure: no files, no terminal. */
export type { Call, CallOptions, ExpectedBytes } from './call.js';
export { type Comparison, compareCall, type FirstDifference } from './compare.js';
export { findLastWriter, judge, type LastWriter, type ReplayResult, setUpCall } from './replay.js';
