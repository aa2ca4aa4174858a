import { type ReportData, type ReportSummary, receiptOf } from '../../src/report/index.js';
import { parseSchedule } from '../../src/simt/index.js';

const SUMMARY: ReportSummary = {
  file: 'call.safetensors',
  op: 'moe_comm',
  shape: 'ep2 1024 B, 1 ch',
  result: 'match',
  verdict: 'completes',
  problem: null,
  steps: 0,
  threads: 64,
  mode: 'step',
  modeReason: null,
  schedule: 'rr',
  version: '0.0.0',
  bytes: { compared: 1024, differing: 0, undefined: 0, counters: 0 },
  recordedBy: [['device', 'none']],
  digests: [{ name: 'inputs', tensors: 1, bytes: 4, sha256: '00'.repeat(32) }],
  commands: [['the same run', 'simtwin replay call.safetensors']],
};

/** A report that says as little as one can; what is given replaces that. */
export const reportOf = (
  given: Partial<Omit<ReportData, 'summary'>> & { readonly summary?: Partial<ReportSummary> },
): ReportData => ({
  format: 'simtwin-report/1',
  receipt: receiptOf(parseSchedule('rr'), null),
  difference: null,
  graph: null,
  checks: { findings: [], reason: null },
  timeline: null,
  timelineReason: 'There is no timeline.',
  packets: null,
  sources: [],
  originals: {},
  ...given,
  summary: { ...SUMMARY, ...given.summary },
});
