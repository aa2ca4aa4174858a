/** PTX, what nvcc, clang and Triton emit: its text as a syntax tree, and its entries as programs. */
export type { PtxModule } from './ast.js';
export { ptxArguments, ptxKernel } from './launch.js';
export { type LoweredEntry, lowerEntry } from './lower-entry.js';
export type { Missing } from './not-modelled.js';
export { parsePtx } from './parser.js';
export { PtxError } from './ptx-error.js';
