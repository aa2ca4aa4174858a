import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  CAPTURE_OPS,
  type CaptureOp,
  checkAgainstReference,
  encodeCapture,
  GENERATE_ARGS,
  type GenerateArg,
  generateCapture,
  type JsonValue,
  setUpCall,
} from '../../src/index.js';

type Args = Readonly<Record<string, JsonValue>>;

const cases: readonly { readonly op: CaptureOp; readonly args: Args }[] = [
  { op: 'moe_comm_prepare_indices', args: {} },
  { op: 'moe_comm_prepare_indices', args: { ep_size: 3, ep_rank: 2, top_k: 5, real_counts: true, out_of_range: true } },
  { op: 'moe_comm_prepare_indices', args: { ep_size: 6, top_k: 6, duplicates: false, max_token_count_per_rank: 7 } },
  { op: 'moe_local_gather', args: {} },
  { op: 'moe_local_gather', args: { ep_size: 7, ep_rank: 3, top_k: 3, expert_count: 3, real_counts: true } },
  { op: 'moe_comm', args: {} },
  { op: 'moe_comm', args: { ep_size: 3, vector_bytes: 1936, input_row_stride_bytes: 2000, max_usable_sm_count: 20 } },
  { op: 'moe_comm', args: { ep_size: 1, vector_bytes: 16, tokens: 1, top_k: 1, max_usable_sm_count: 2 } },
];

describe.each(cases)('$op $args', ({ op, args }) => {
  test('is a sound capture, the same for the same seed, another for another', () => {
    const capture = generateCapture(op, args, 1);
    expect(isDeepStrictEqual(generateCapture(op, args, 1), capture)).toBe(true);
    expect(isDeepStrictEqual(generateCapture(op, args, 2), capture)).toBe(false);
    expect(encodeCapture(capture).length).toBeGreaterThan(0);
  });

  test('agrees with the reference, which notices a changed byte', () => {
    const capture = generateCapture(op, args, 1);
    const call = setUpCall(capture, { schedule: 'random:9' }, 'generated');
    expect(call.machine.run().verdict).toBe('completes');
    const comparison = checkAgainstReference(capture, call);
    expect(comparison).toMatchObject({ differingBytes: 0, undefinedBytes: 0, firstDifference: null });
    expect(comparison.comparedBytes).toBeGreaterThan(0);

    const name = { moe_comm_prepare_indices: 'send_rank_count_cum_sum', moe_local_gather: 'local_scales' };
    const wanted = op === 'moe_comm' ? 'output of rank 0' : name[op];
    const allocation = call.machine.memory.space.allocations.find((found) => found.name === wanted)!;
    allocation.u8[2] = allocation.u8[2]! ^ 0x10;
    const { differingBytes, firstDifference } = checkAgainstReference(capture, call);
    expect(differingBytes).toBe(1);
    expect(firstDifference).toMatchObject({ offsetBytes: 2, address: allocation.base + 2, got: allocation.u8[2] });
  });
});

test('an all-to-all is checked by its heads and tails, too', () => {
  const capture = generateCapture('moe_comm', { ep_size: 2 }, 0);
  const call = setUpCall(capture, {}, 'generated');
  call.machine.run();
  const workspace = call.machine.memory.space.allocations.find(({ name }) => name === 'workspace of rank 1')!;
  const fifos = workspace.bytes - 2 * 2 * 256;
  workspace.u8[fifos + 256 + 8] = 99;
  expect(checkAgainstReference(capture, call).firstDifference).toMatchObject({
    tensor: 'r1/out/workspace',
    location: 'tail of link 1 -> 0, channel 1, byte 0',
    got: 99,
  });
});

describe('what is asked for is there', () => {
  const targets = (args: Args) => {
    const capture = generateCapture('moe_comm_prepare_indices', { ep_size: 4, top_k: 4, ...args }, 5);
    if (capture.op !== 'moe_comm_prepare_indices') throw new Error(capture.op);
    return capture.inputs;
  };
  const rows = (array: Int32Array) =>
    Array.from({ length: array.length / 4 }, (_, row) => [...array.slice(row * 4, row * 4 + 4)]);

  test('targets out of range, or none', () => {
    const isOutside = (id: number) => id < 0 || id >= 4;
    expect(targets({ out_of_range: true }).gatheredTargetRankIds.some(isOutside)).toBe(true);
    expect(targets({}).gatheredTargetRankIds.some(isOutside)).toBe(false);
  });

  test('ranks named twice, or never', () => {
    const hasRepeat = (row: readonly number[]) => new Set(row).size < row.length;
    expect(rows(targets({}).gatheredTargetRankIds).some(hasRepeat)).toBe(true);
    expect(rows(targets({ duplicates: false }).gatheredTargetRankIds).some(hasRepeat)).toBe(false);
  });

  test('real counts, of which none exceeds the most', () => {
    const { realRankTokenCountCumSum, gatheredTargetRankIds } = targets({ real_counts: true });
    expect(realRankTokenCountCumSum).toHaveLength(4);
    expect(gatheredTargetRankIds.length).toBe(4 * realRankTokenCountCumSum!.at(-1)!);
    expect(targets({}).realRankTokenCountCumSum).toBeNull();
  });
});

describe('refuses', () => {
  test.each<readonly [op: CaptureOp, args: Args, sentence: string]>([
    [
      'moe_comm',
      { epsize: 1 },
      '"epsize" is no argument of moe_comm, which takes ep_size, vector_bytes, tokens, top_k, max_usable_sm_count, input_row_stride_bytes, output_row_stride_bytes; for example {"ep_size": 8}',
    ],
    ['moe_comm', { ep_size: '8' }, 'ep_size must be an integer from 1 to 64, but is "8"; for example {"ep_size": 8}'],
    ['moe_comm', { ep_size: 65 }, 'ep_size must be an integer from 1 to 64, but is 65; for example {"ep_size": 8}'],
    ['moe_comm', { tokens: 1.5 }, 'tokens must be an integer from 1 to 16384, but is 1.5; for example {"tokens": 32}'],
    [
      'moe_comm',
      { vector_bytes: 245776 },
      'vector_bytes must be a multiple of 16 from 16 to 245760, but is 245776; for example {"vector_bytes": 4096}',
    ],
    [
      'moe_comm',
      { input_row_stride_bytes: 512 },
      'input_row_stride_bytes must be at least vector_bytes (1024), but is 512; for example {"input_row_stride_bytes": 1024}',
    ],
    [
      'moe_comm',
      { ep_size: 64, max_usable_sm_count: 15 },
      'max_usable_sm_count must be at least 16, the blocks of one channel of 64 ranks, but is 15; for example {"max_usable_sm_count": 16}',
    ],
    [
      'moe_comm',
      { ep_size: 64, max_usable_sm_count: 512 },
      'max_usable_sm_count must be at most 511, so that ep_size * channels stays below 1024, but is 512; for example {"max_usable_sm_count": 511}',
    ],
    ['moe_local_gather', { ep_rank: 4 }, 'ep_rank must be below ep_size (4), but is 4; for example {"ep_rank": 3}'],
    [
      'moe_local_gather',
      { expert_count: 1 },
      'expert_count must be at least top_k (2), but is 1; for example {"expert_count": 16}',
    ],
    [
      'moe_local_gather',
      { real_counts: 1 },
      'real_counts must be true or false, but is 1; for example {"real_counts": true}',
    ],
    [
      'moe_comm_prepare_indices',
      { top_k: 5, duplicates: false },
      'top_k must be at most ep_size (4) unless duplicates is true, but is 5; for example {"top_k": 4}',
    ],
    [
      'moe_comm_prepare_indices',
      { ep_size: 1024, max_token_count_per_rank: 65536 },
      'ep_size * max_token_count_per_rank * top_k must be at most 67108864, but is 134217728',
    ],
  ])('%s %j', (op, args, sentence) => {
    expect(() => generateCapture(op, args, 0)).toThrow(new RangeError(sentence));
  });

  test('no example and no default of its own', () => {
    for (const op of CAPTURE_OPS) {
      for (const [name, arg] of Object.entries<GenerateArg>(GENERATE_ARGS[op])) {
        // An example for a message is an example of its own: others may have to follow it.
        const others: Args =
          name === 'ep_rank' ? { ep_size: 8 } : name.endsWith('stride_bytes') ? { vector_bytes: 16 } : {};
        expect(() => generateCapture(op, { ...others, [name]: arg.example }, 0)).not.toThrow();
        if (typeof arg.default !== 'string') {
          expect(() => generateCapture(op, { [name]: arg.default as number | boolean }, 0)).not.toThrow();
        }
      }
    }
  });
});
