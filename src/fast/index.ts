/** The back end `fast`: programs as JavaScript for whole warps. */
export { compiledKernelOf, emitAhead } from './compiled-kernel.js';
export { FastEngine, type FastOptions } from './engine.js';
export { type TracedAccess, TraceRing } from './trace-ring.js';
