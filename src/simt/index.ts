/** The SIMT machine. Pure: no file system, clock, randomness or terminal; it also runs in a browser. */
export { AddressSpace, type MemoryRange } from './address-space.js';
export { Allocation, PAGE_BYTES } from './allocation.js';
export { BlockScan, blockScanStorageCount } from './block-scan.js';
export { type AllocateOptions, DeviceMemory, type DownloadOptions, type SymmetricOptions } from './device-memory.js';
export type {
  Engine,
  EngineChooser,
  EngineFactory,
  EngineFacts,
  EngineHost,
  EngineMode,
  HangProof,
  ResidentBlock,
  StoreEvent,
} from './engine.js';
export { describeThread, type FaultCode, SimtError, type ThreadSite } from './errors.js';
export { brev, clz, divI32, ffs, i32, i64, mulI32, popc, remI32, u32, u64 } from './integer.js';
export {
  brevll,
  clzll,
  ffsll,
  mul64hi,
  mulhi,
  popcll,
  shlB32,
  shlB64,
  shrS32,
  shrS64,
  shrU32,
  shrU64,
  umul64hi,
  umulhi,
} from './integer-ptx.js';
export { formatLanes, formatRanges } from './lanes.js';
export type { Launch, LaunchDims, LaunchQueue } from './launch.js';
export { Machine, type MachineOptions, type MachineSnapshot } from './machine.js';
export type { DeviceFunction, KernelBody, Operation, Scope } from './operation.js';
export {
  type BudgetLimit,
  DEFAULT_LIMITS,
  describeOutcome,
  type Limits,
  type NotStarted,
  type Outcome,
} from './outcome.js';
export { Pointer } from './pointer.js';
export { Random } from './random.js';
export { Register, RegisterArray } from './register.js';
export { type Dim3, dim3, type F32, f32, type ScalarType, type ScalarValue, scalarBytes } from './scalar.js';
export {
  type BlockOrder,
  DEFAULT_SCHEDULE,
  formatSchedule,
  type MemoryModel,
  type PickRun,
  type Policy,
  parseSchedule,
  type Schedule,
} from './schedule.js';
export { SHARED_END, SharedMemory } from './shared-memory.js';
export type { SourceFrame } from './source-frame.js';
export type { Stream } from './stream.js';
export {
  type BrokenInvariant,
  type DeclaredFifo,
  type Diagnosis,
  type FifoWord,
  type FifoWords,
  formatSymbol,
  type HangCause,
  type MemoryInvariant,
  type MemorySymbol,
  type MemorySymbols,
  type MemoryWrite,
  type Protocol,
  type ThreadGroup,
  type WaitedWord,
  type Writer,
} from './symbols.js';
export { FULL_MASK, type Kernel, Thread, WARP_SIZE } from './thread.js';
export { siteOf, type ThreadView } from './thread-site.js';
export { Tile, type TileSize, tiledPartition } from './tile.js';
export type { WaitingGroup } from './waiting.js';
