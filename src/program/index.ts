/** The compiled form of kernels, and what every back end needs to run it. */
export { arithmeticRuntime, bigintOf, splitBigint } from './arithmetic-runtime.js';
export * from './bind-params.js';
export * from './def-use.js';
export * from './emit-arithmetic.js';
export * from './evaluate.js';
export * from './frames.js';
export * from './graph.js';
export * from './liveness.js';
export * from './opcodes.js';
export * from './optimize.js';
export * from './program.js';
export * from './registry.js';
export * from './scalar-accesses.js';
export * from './special-values.js';
