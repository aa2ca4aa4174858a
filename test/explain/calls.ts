import type { MoeCommCapture, WorkspacePages } from '../../src/capture/index.js';
import { type Explanation, explainHang } from '../../src/explain/index.js';
import { allToAllConstants } from '../../src/kernels/index.js';
import { headOffsetOf } from '../../src/kernels/workspace-layout.js';
import type { EngineMode, Machine, Outcome } from '../../src/simt/index.js';
import { generateCapture, setUpCall } from '../../src/tools/index.js';

/** A random all-to-all that completes. */
export function allToAll(args: Readonly<Record<string, number>>, seed = 1): MoeCommCapture {
  const capture = generateCapture('moe_comm', args, seed);
  if (capture.op !== 'moe_comm') throw new Error('no all-to-all');
  return capture;
}

/** Vectors that `from` sends to `to`, and those that `to` expects. */
export function countsOf({ ranks }: MoeCommCapture, from: number, to: number): { sends: number; expects: number } {
  const at = (sums: Int32Array, rank: number) => sums[rank]! - (rank === 0 ? 0 : sums[rank - 1]!);
  return {
    sends: at(ranks[from]!.inputs.sendRankCumSum, to),
    expects: at(ranks[to]!.inputs.recvRankCumSum, from),
  };
}

/** The call with `more` vectors on one side of a link than there were. Rows are used twice. */
export function withMore(
  capture: MoeCommCapture,
  side: 'send' | 'recv',
  { from, to }: { readonly from: number; readonly to: number },
  more: number,
): MoeCommCapture {
  const [rank, peer] = side === 'send' ? [from, to] : [to, from];
  const { inputs } = capture.ranks[rank]!;
  const sums = side === 'send' ? inputs.sendRankCumSum : inputs.recvRankCumSum;
  const indices = side === 'send' ? inputs.sendIndices : inputs.recvIndices;
  const end = sums[peer]!;
  const newSums = sums.map((sum, index) => (index >= peer ? sum + more : sum));
  const newIndices = Int32Array.of(...indices.slice(0, end), ...new Array<number>(more).fill(0), ...indices.slice(end));
  const changed =
    side === 'send'
      ? { ...inputs, sendRankCumSum: newSums, sendIndices: newIndices }
      : { ...inputs, recvRankCumSum: newSums, recvIndices: newIndices };
  return { ...capture, ranks: capture.ranks.map((old, index) => (index === rank ? { ...old, inputs: changed } : old)) };
}

/** A word of a link. */
export interface LinkWord {
  readonly from: number;
  readonly to: number;
  readonly channel: number;
  readonly word: 'head' | 'tail';
  readonly value: bigint;
}

/** The call with heads and tails that are not 0 in the beginning. */
export function withWords(capture: MoeCommCapture, words: readonly LinkWord[]): MoeCommCapture {
  const { epSize, channelCount } = capture.args;
  const shape = { constants: allToAllConstants(), epSize, channelCount, packetsPerVector: 1 };
  const ranks = capture.ranks.map((rank, from) => {
    const own = words.filter((word) => word.from === from);
    if (own.length === 0) return rank;
    const pages = new Map<number, Uint8Array>();
    for (const { to, channel, word, value } of own) {
      const offset = headOffsetOf(shape, to, channel) + (word === 'head' ? 0 : 8);
      const page = Math.floor(offset / 4096);
      const data = pages.get(page) ?? new Uint8Array(4096);
      pages.set(page, data);
      new DataView(data.buffer).setBigUint64(offset % 4096, value, true);
    }
    const sorted = [...pages].sort(([a], [b]) => a - b);
    const workspacePages: WorkspacePages = {
      pageBytes: 4096,
      pages: sorted.map(([page]) => page),
      data: Uint8Array.from(sorted.flatMap(([, data]) => [...data])),
    };
    return { ...rank, inputs: { ...rank.inputs, workspacePages } };
  });
  return { ...capture, ranks };
}

/** The call with other launches. */
export const withArgs = (capture: MoeCommCapture, args: Partial<MoeCommCapture['args']>): MoeCommCapture => ({
  ...capture,
  args: { ...capture.args, ...args },
});

/** Runs a call to its end. */
export function run(
  capture: MoeCommCapture,
  schedule = 'rr',
  mode: EngineMode = 'fast',
): { machine: Machine; outcome: Outcome } {
  const { machine } = setUpCall(capture, { mode, schedule }, 'call');
  return { machine, outcome: machine.run() };
}

/** The explanation of a call, which must hang. */
export function explained(capture: MoeCommCapture, schedule = 'rr', mode: EngineMode = 'fast'): Explanation {
  const { machine, outcome } = run(capture, schedule, mode);
  if (outcome.verdict === 'completes' || outcome.verdict === 'error') throw new Error(`it ${outcome.verdict}`);
  return explainHang(machine);
}
