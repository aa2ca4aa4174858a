/**
 * Arbitraries for fast-check: inputs and schedules of the simulated kernels, to test them, or a kernel of your own,
 * against a reference. All are valid by the kernels' contracts, and shrink towards few ranks, few tokens and zeros.
 */
export type {
  AllToAllInput,
  AllToAllRank,
  FifoShape,
  LocalGatherInput,
  PrepareIndicesInput,
} from '../reference/index.js';
export { type AllToAllCase, type AllToAllCaseOptions, allToAllCases } from './all-to-all-cases.js';
export { type CountMatrix, type CountMatrixKind, type CountMatrixOptions, countMatrices } from './count-matrices.js';
export {
  type ExpertPlacement,
  type ExpertPlacementKind,
  type ExpertPlacementOptions,
  expertPlacements,
} from './expert-placements.js';
export { type FifoShapeOptions, fifoShapes, originalFifo } from './fifo-shapes.js';
export { float32Bits } from './float32-bits.js';
export { type LocalGatherCase, type LocalGatherCaseOptions, localGatherCases } from './local-gather-cases.js';
export type { IntegerRange } from './numbers.js';
export { type PrepareIndicesCaseOptions, prepareIndicesCases } from './prepare-indices-cases.js';
export { rankCounts, topKs } from './rank-counts.js';
export { type RoutingKind, type RoutingTable, type RoutingTableOptions, routingTables } from './routing-tables.js';
export { type ScheduleOptions, schedules } from './schedules.js';
export { realTokenCounts, type TokenCountOptions, tokenCounts } from './token-counts.js';
export { type StrideOptions, strides, type VectorSizeOptions, vectorSizes } from './vector-sizes.js';
