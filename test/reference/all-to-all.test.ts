import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allToAllCases, fifoShapes } from '../../src/arbitraries/index.js';
import {
  type AllToAllCompletion,
  type AllToAllInput,
  type AllToAllRank,
  type AllToAllRefusalReason,
  allToAllReference,
  linkChannelIndex,
  ORIGINAL_FIFO,
} from '../../src/reference/index.js';
import { describeProperty } from './describe-property.js';

const i32 = (...values: number[]): Int32Array => Int32Array.from(values);

/** Rows of one repeated byte each. */
function rows(rowBytes: number, ...values: number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => Array<number>(rowBytes).fill(value)));
}

/** A call of one rank that sends `count` vectors to itself, in order. */
function selfCall(count: number, vectorBytes: number, channelCount: number): AllToAllInput {
  const indices = Int32Array.from({ length: count }, (_, index) => index);
  const rank: AllToAllRank = {
    input: new Uint8Array(count * vectorBytes),
    inputRowStrideBytes: vectorBytes,
    output: new Uint8Array(count * vectorBytes),
    outputRowStrideBytes: vectorBytes,
    sendRankCumSum: i32(count),
    sendIndices: indices,
    recvRankCumSum: i32(count),
    recvIndices: indices,
  };
  return { epSize: 1, channelCount, vectorBytes, ranks: [rank] };
}

function completion(input: AllToAllInput, implementation: Implementation = allToAllReference): AllToAllCompletion {
  const result = implementation(input);
  if (result.kind !== 'completes') throw new Error(`does not complete: ${result.explanation}`);
  return result;
}

type Implementation = typeof allToAllReference;

// Rank 0 sends its rows 1 and 0 to rank 1, and its row 1 to itself; rank 1 sends its row 0 to rank 0.
const twoRanks: AllToAllInput = {
  epSize: 2,
  channelCount: 1,
  vectorBytes: 16,
  ranks: [
    {
      input: rows(16, 0xa0, 0xa1),
      inputRowStrideBytes: 16,
      output: rows(32, 0xee, 0xee, 0xee),
      outputRowStrideBytes: 32,
      sendRankCumSum: i32(1, 3),
      sendIndices: i32(1, 1, 0),
      recvRankCumSum: i32(1, 2),
      recvIndices: i32(2, 0),
    },
    {
      input: rows(16, 0xb0),
      inputRowStrideBytes: 16,
      output: rows(16, 0xee, 0xee),
      outputRowStrideBytes: 16,
      sendRankCumSum: i32(1, 1),
      sendIndices: i32(0),
      recvRankCumSum: i32(2, 2),
      recvIndices: i32(1, 0),
    },
  ],
};

describe('all-to-all, spelt out', () => {
  test('two ranks: vectors land in the rows that the receiver names, bytes between vectors stay', () => {
    expect(completion(twoRanks)).toEqual({
      kind: 'completes',
      outputs: [rows(16, 0xb0, 0xee, 0xee, 0xee, 0xa1, 0xee), rows(16, 0xa0, 0xa1)],
      sliceCounts: i32(1, 1, 1, 0),
      heads: BigUint64Array.of(1n, 1n, 1n, 0n),
      tails: BigUint64Array.of(1n, 1n, 1n, 0n),
      ambiguousRows: [],
    });
  });

  test('counters go on from where they were', () => {
    const before = BigUint64Array.of(5n, 2n ** 32n - 1n, 0n, 9n);
    const { heads, tails } = completion({ ...twoRanks, heads: before, tails: before });
    expect(heads).toEqual(BigUint64Array.of(6n, 2n ** 32n, 1n, 9n));
    expect(tails).toEqual(heads);
  });

  test('counters of a channel that sends nothing may differ', () => {
    const { heads, tails } = completion({ ...twoRanks, heads: BigUint64Array.of(0n, 0n, 0n, 7n) });
    expect([heads[3], tails[3]]).toEqual([7n, 0n]);
  });

  test.each([
    { count: 0, vectorBytes: 16, channelCount: 3, slices: [0, 0, 0], why: 'nothing to send' },
    { count: 1, vectorBytes: 16, channelCount: 3, slices: [1, 0, 0], why: 'the first channel gets the only vector' },
    { count: 5, vectorBytes: 16, channelCount: 4, slices: [1, 1, 1, 0], why: 'runs of 2, 2, 1 and 0 vectors' },
    { count: 128, vectorBytes: 1920, channelCount: 1, slices: [1], why: 'vectors of 1 packet, 128 an entry' },
    { count: 129, vectorBytes: 16, channelCount: 1, slices: [2], why: 'one more than an entry holds' },
    { count: 65, vectorBytes: 1936, channelCount: 1, slices: [2], why: 'vectors of 2 packets, 64 an entry' },
    { count: 259, vectorBytes: 16, channelCount: 2, slices: [2, 2], why: 'runs of 130 and 129 vectors' },
    { count: 5, vectorBytes: 64 * 1920, channelCount: 1, slices: [3], why: 'vectors of 64 packets, 2 an entry' },
    { count: 2, vectorBytes: 64 * 1920 + 16, channelCount: 1, slices: [2], why: 'vectors of 65 packets, 1 an entry' },
    { count: 2, vectorBytes: 128 * 1920, channelCount: 1, slices: [2], why: 'vectors that fill an entry' },
  ])('$count vectors of $vectorBytes bytes, $channelCount channels: slices $slices ($why)', (row) => {
    expect([...completion(selfCall(row.count, row.vectorBytes, row.channelCount)).sliceCounts]).toEqual(row.slices);
  });

  test('a smaller FIFO entry makes more slices', () => {
    const fifo = { ...ORIGINAL_FIFO, entryBytes: 3 * 2048 };
    expect([...completion({ ...selfCall(7, 1920, 1), fifo }).sliceCounts]).toEqual([3]);
  });

  test('a row that is written twice is ambiguous', () => {
    const [first, second] = twoRanks.ranks as [AllToAllRank, AllToAllRank];
    const ranks = [{ ...first, recvIndices: i32(2, 2) }, second];
    expect(completion({ ...twoRanks, ranks }).ambiguousRows).toEqual([{ rank: 0, row: 2 }]);
  });

  const [first, second] = twoRanks.ranks as [AllToAllRank, AllToAllRank];
  const zeros = (): BigUint64Array => new BigUint64Array(4);
  test.each<{ why: string; input: AllToAllInput; reason: AllToAllRefusalReason; explanation: string }>([
    {
      why: 'a receiver that expects one more',
      input: { ...twoRanks, ranks: [first, { ...second, recvRankCumSum: i32(3, 3), recvIndices: i32(1, 0, 0) }] },
      reason: 'counts-differ',
      explanation: 'link 0 -> 1: 2 vectors to send, 3 to receive',
    },
    {
      why: 'a vector of 129 packets',
      input: selfCall(1, 128 * 1920 + 16, 1),
      reason: 'vector-exceeds-entry',
      explanation: 'link 0 -> 0: a vector of 129 packets, an entry holds 128',
    },
    {
      why: 'a FIFO that is not empty',
      input: { ...twoRanks, heads: zeros().with(1, 3n) },
      reason: 'counters-differ',
      explanation: 'link 0 -> 1: channel 0 has head 3, tail 0',
    },
    {
      why: 'counters close to their end',
      input: { ...twoRanks, heads: zeros().with(2, 2n ** 64n - 9n), tails: zeros().with(2, 2n ** 64n - 9n) },
      reason: 'counters-wrap',
      explanation: 'link 1 -> 0: channel 0 has head 18446744073709551607, 1 slices to send',
    },
  ])('does not complete: $why', ({ input, reason, explanation }) => {
    expect(allToAllReference(input)).toMatchObject({ kind: 'does-not-complete', reason, explanation });
  });

  test('a vector of 129 packets is no matter where none is sent', () => {
    expect(completion(selfCall(0, 128 * 1920 + 16, 1)).sliceCounts).toEqual(i32(0));
  });

  test.each<{ why: string; change: Partial<AllToAllInput> }>([
    { why: 'a vector size that is no multiple of 16', change: { vectorBytes: 8 } },
    { why: 'no channel', change: { channelCount: 0 } },
    { why: 'a rank too few', change: { ranks: [first] } },
    { why: 'an input row beyond the buffer', change: { ranks: [{ ...first, sendIndices: i32(1, 1, 2) }, second] } },
    { why: 'an output row beyond the buffer', change: { ranks: [{ ...first, recvIndices: i32(3, 0) }, second] } },
    { why: 'too few indices', change: { ranks: [{ ...first, recvIndices: i32(0) }, second] } },
    { why: 'output rows that overlap', change: { vectorBytes: 32 } },
    { why: 'falling sums', change: { ranks: [{ ...first, sendRankCumSum: i32(1, 0) }, second] } },
    { why: 'counters of another shape', change: { heads: new BigUint64Array(3) } },
  ])('refuses $why', ({ change }) => {
    expect(() => allToAllReference({ ...twoRanks, ...change })).toThrow(RangeError);
  });
});

// Bytes are compared by Buffer.compare throughout: toEqual takes seconds for what these cases hold.
const smallCases = allToAllCases({ fifo: fifoShapes(), maxPackets: 48 });

const changedOutputs =
  (change: (output: Uint8Array, rank: AllToAllRank, input: AllToAllInput) => Uint8Array): Implementation =>
  (input) => {
    const result = allToAllReference(input);
    if (result.kind !== 'completes') return result;
    return { ...result, outputs: result.outputs.map((output, rank) => change(output, input.ranks[rank]!, input)) };
  };

/** The vector in a row. */
function vectorAt(buffer: Uint8Array, row: number, strideBytes: number, vectorBytes: number): Uint8Array {
  return buffer.subarray(row * strideBytes, row * strideBytes + vectorBytes);
}

describeProperty<Implementation>(
  'sending back what was received restores every vector',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const there = completion(input, implementation);
      // The way back: every rank sends what it received from where it received it, into the rows that it was sent from.
      const back = completion(
        {
          ...input,
          ranks: input.ranks.map((rank, number) => ({
            input: there.outputs[number]!,
            inputRowStrideBytes: rank.outputRowStrideBytes,
            output: new Uint8Array(rank.input.length),
            outputRowStrideBytes: rank.inputRowStrideBytes,
            sendRankCumSum: rank.recvRankCumSum,
            sendIndices: rank.recvIndices,
            recvRankCumSum: rank.sendRankCumSum,
            recvIndices: rank.sendIndices,
          })),
          ...unusedCounters(input),
        },
        implementation,
      );
      input.ranks.forEach((rank, number) => {
        for (const row of rank.sendIndices) {
          const sent = vectorAt(rank.input, row, rank.inputRowStrideBytes, input.vectorBytes);
          const returned = vectorAt(back.outputs[number]!, row, rank.inputRowStrideBytes, input.vectorBytes);
          expect(Buffer.compare(returned, sent)).toBe(0);
        }
      });
    }),
  allToAllReference,
  {
    'the last 16 bytes of a vector are not copied': changedOutputs((output, rank, { vectorBytes }) => {
      for (const row of rank.recvIndices) {
        const end = row * rank.outputRowStrideBytes + vectorBytes;
        output.set(rank.output.subarray(end - 16, end), end - 16);
      }
      return output;
    }),
    'the last vector is lost': changedOutputs(
      (output, { output: before, recvIndices, outputRowStrideBytes: stride }) => {
        const row = recvIndices.at(-1);
        if (row !== undefined) output.set(before.subarray(row * stride, (row + 1) * stride), row * stride);
        return output;
      },
    ),
  },
);

describeProperty<Implementation>(
  'bytes that belong to no received vector stay',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const { outputs } = completion(input, implementation);
      input.ranks.forEach(({ output, outputRowStrideBytes, recvIndices }, rank) => {
        const mask = (bytes: Uint8Array): Uint8Array => {
          const masked = bytes.slice();
          for (const row of recvIndices) vectorAt(masked, row, outputRowStrideBytes, input.vectorBytes).fill(0);
          return masked;
        };
        expect(Buffer.compare(mask(outputs[rank]!), mask(output))).toBe(0);
      });
    }),
  allToAllReference,
  {
    'the bytes up to the next row are cleared': changedOutputs((output, rank, { vectorBytes }) => {
      for (const row of rank.recvIndices) {
        output.fill(0, row * rank.outputRowStrideBytes + vectorBytes, (row + 1) * rank.outputRowStrideBytes);
      }
      return output;
    }),
    'rows without a vector are cleared': changedOutputs((output, rank) => {
      for (let row = 0; row < output.length / rank.outputRowStrideBytes; row++) {
        if (!rank.recvIndices.includes(row)) output.fill(0, row * rank.outputRowStrideBytes);
      }
      return output;
    }),
  },
);

describeProperty<Implementation>(
  'how traffic is divided changes counters, never bytes; a link takes as many slices as its entries need',
  (implementation) =>
    fc.property(smallCases, fc.integer({ min: 1, max: 5 }), (input, channelCount) => {
      const result = completion(input, implementation);
      const { epSize, vectorBytes, fifo, ranks } = input;
      const single = completion({ ...input, channelCount: 1, ...unusedCounters({ epSize, channelCount: 1 }) });
      const other = completion({ ...input, channelCount, ...unusedCounters({ epSize, channelCount }) }, implementation);
      expect(other.outputs.every((output, rank) => Buffer.compare(output, single.outputs[rank]!) === 0)).toBe(true);

      const packets = Math.ceil(vectorBytes / fifo.packetPayloadBytes);
      const vectorsPerSlice = Math.floor(fifo.entryBytes / fifo.packetBytes / packets);
      for (let sender = 0; sender < epSize; sender++) {
        const sums = ranks[sender]!.sendRankCumSum;
        for (let receiver = 0; receiver < epSize; receiver++) {
          const count = sums[receiver]! - (sums[receiver - 1] ?? 0);
          const first = linkChannelIndex(input, sender, receiver, 0);
          const slices = [...result.sliceCounts.subarray(first, first + input.channelCount)];
          const total = slices.reduce((sum, slice) => sum + slice, 0);
          expect(total).toBeGreaterThanOrEqual(Math.ceil(count / vectorsPerSlice));
          expect(total).toBeLessThan(Math.ceil(count / vectorsPerSlice) + input.channelCount);
          expect(slices).toEqual(slices.toSorted((a, b) => b - a));
          if (count === 0) expect(total).toBe(0);
          slices.forEach((slice, channel) => {
            expect(result.heads[first + channel]).toBe(input.heads[first + channel]! + BigInt(slice));
            expect(result.tails[first + channel]).toBe(result.heads[first + channel]);
          });
        }
      }
    }),
  allToAllReference,
  {
    'a slice too many where a run fills its entries': changedSlices(
      (slices, vectors) => slices + (vectors % 2 === 0 ? 1 : 0),
    ),
    'one slice a channel, however long the run': changedSlices((slices) => Math.min(1, slices)),
  },
);

/** Zeroed counters of a call's shape. */
function unusedCounters({ epSize, channelCount }: Pick<AllToAllInput, 'epSize' | 'channelCount'>) {
  const length = epSize * epSize * channelCount;
  return { heads: new BigUint64Array(length), tails: new BigUint64Array(length) };
}

/** The reference, with other numbers of slices on every channel of a link that sends a number of vectors. */
function changedSlices(change: (slices: number, vectors: number) => number): Implementation {
  return (input) => {
    const result = allToAllReference(input);
    if (result.kind !== 'completes') return result;
    const sliceCounts = result.sliceCounts.map((slices, index) => {
      const link = Math.floor(index / input.channelCount);
      const sums = input.ranks[Math.floor(link / input.epSize)]!.sendRankCumSum;
      const receiver = link % input.epSize;
      return change(slices, sums[receiver]! - (sums[receiver - 1] ?? 0));
    });
    return { ...result, sliceCounts };
  };
}
