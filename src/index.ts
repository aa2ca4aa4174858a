/** simtwin: GPU kernels on the CPU, thread by thread, bit for bit, under a schedule that you control. */
export * from './capture/index.js';
export * from './kernels/index.js';
export * from './reference/index.js';
export * from './simt/index.js';
export * from './tools/index.js';
