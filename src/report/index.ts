/** A report of one run: its data, what its result rests on, and the HTML file that shows it. */
export { ASSUMED, type FidelityEntry, MODELLED, NOT_MODELLED } from './fidelity.js';
export { graphOf, type ReportCause, type ReportEdge, type ReportGraph, type ReportNode } from './graph.js';
export { packReport, unpackReport } from './pack.js';
export { packetsOf } from './packets.js';
export type { PageBundle } from './page-bundle.js';
export { type FidelityReceipt, receiptOf } from './receipt.js';
export type {
  ReportChecks,
  ReportData,
  ReportDifference,
  ReportDigest,
  ReportPacket,
  ReportPackets,
  ReportPlace,
  ReportSource,
  ReportSummary,
  ReportWriter,
} from './report-data.js';
export { reportHtml } from './report-html.js';
