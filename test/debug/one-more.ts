import { type Capture, generateCapture } from '../../src/index.js';

/**
 * An all-to-all of two ranks that hangs: rank 0 sends 3 vectors to rank 1, which expects 4. A slot of the FIFO holds 3 of
 * them, so that the sender goes home content and the receiver polls the next slot.
 */
export function receiverExpectsOneMore(): Capture {
  const args = { ep_size: 2, tokens: 3, top_k: 2, vector_bytes: 64_000, max_usable_sm_count: 4 };
  const capture = generateCapture('moe_comm', args, 1);
  if (capture.op !== 'moe_comm') throw new Error('it is no all-to-all');
  const [first, second] = capture.ranks;
  const { inputs } = second!;
  const rows = inputs.recvIndices.length;
  const fromFirst = inputs.recvRankCumSum[0]!;
  const recvIndices = Int32Array.from([
    ...inputs.recvIndices.subarray(0, fromFirst),
    rows,
    ...inputs.recvIndices.subarray(fromFirst),
  ]);
  const output = new Uint8Array(inputs.output.length + args.vector_bytes);
  output.set(inputs.output);
  const recvRankCumSum = inputs.recvRankCumSum.map((sum) => sum + 1);
  const changed = {
    ...second!,
    inputs: { ...inputs, recvRankCumSum, recvIndices, output, outputRows: inputs.outputRows + 1 },
    outputs: null,
  };
  return { ...capture, ranks: [{ ...first!, outputs: null }, changed] };
}
