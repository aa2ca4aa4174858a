/** Why a run hangs: who waits for what, why nobody will ever provide it, and which one cause is to be mended. */
export { explainHang } from './explain-hang.js';
export type {
  Explanation,
  ExplanationEdge,
  ExplanationNode,
  ExplanationWord,
  RootCause,
} from './explanation.js';
export { type FormatOptions, formatDot, formatExplanation, formatWord } from './format.js';
export type { EdgeKind } from './graph.js';
