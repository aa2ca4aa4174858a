/** simtwin: GPU kernels on the CPU, thread by thread, bit for bit, under a schedule that you control. */
export * from './capture/index.js';
export * from './check/index.js';
export * from './debug/index.js';
export * from './explain/index.js';
export * from './explore/index.js';
export { emitAhead, type FastOptions, type TracedAccess, TraceRing } from './fast/index.js';
export { CALL_FORMAT, readAnyCapture, readCaptureFrom } from './formats/index.js';
export * from './kernels/index.js';
export * from './modes/index.js';
export * from './mutate/index.js';
export {
  loadPrograms,
  type ProgramTexts,
  programTexts,
  type ReadSource,
  type StaleFile,
  staleFiles,
} from './program/compiled-file.js';
export { digestOf, type Program, programOf, registerProgram } from './program/index.js';
export {
  type LoweredEntry,
  lowerEntry,
  type Missing,
  PtxError,
  type PtxModule,
  parsePtx,
  ptxArguments,
  ptxKernel,
} from './ptx/index.js';
export * from './reference/index.js';
export * from './report/index.js';
export * from './simt/index.js';
export * from './step/index.js';
export * from './timeline/index.js';
export * from './tools/index.js';
