import { describe, expect, test } from 'vitest';
import { decodeCapture, type MoeCommCapture } from '../../src/capture/index.js';
import { INT32, itRefuses } from './refusals.js';
import { i32, i64, moeCommSample, tamperedFile, u8 } from './samples.js';

describe('moe_comm', () => {
  itRefuses(moeCommSample, [
    {
      change: { args: { vector_bytes: 24 } },
      problem: 'args.vector_bytes must be a multiple of 16, but is 24',
    },
    {
      change: { args: { vector_bytes: 0 } },
      problem: 'args.vector_bytes must be an integer from 16 to 2147483647, but is 0',
    },
    {
      change: { args: { vector_bytes: 32 } },
      problem: 'args.output_row_stride_bytes must be an integer from 32 to 2147483647, but is 16',
    },
    {
      change: { args: { input_row_stride_bytes: 40 } },
      problem: 'args.input_row_stride_bytes must be a multiple of 16, but is 40',
    },
    {
      change: { args: { input_row_stride_bytes: 16 } },
      tensor: 'r0/in/input',
      problem: 'must be U8 [rows, input_row_stride_bytes = 16], but is U8 [2, 32]',
    },
    { change: { args: { dtype: 16 } }, problem: 'args.dtype must be a string, but is 16' },
    {
      change: { args: { rank_stride_bytes: 84 } },
      problem: 'args.rank_stride_bytes must be a multiple of 8, but is 84',
    },
    {
      change: { args: { rank_stride_bytes: 1e15 } },
      problem: 'args.rank_stride_bytes must be an integer from 8 to 1099511627776, but is 1000000000000000',
    },
    {
      change: { args: { channel_count: 0 } },
      problem: `args.channel_count must be an integer ${INT32}, but is 0`,
    },
    {
      change: { args: { max_usable_sm_count: null } },
      problem: `args.max_usable_sm_count must be an integer ${INT32}, but is null`,
    },
    {
      change: { args: { call_index: -1 } },
      problem: 'args.call_index must be an integer from 0 to 2147483647, but is -1',
    },
    {
      change: { args: { workspace_page_bytes: 0 } },
      problem: `args.workspace_page_bytes must be an integer ${INT32}, but is 0`,
    },
    {
      change: { args: { workspace_page_bytes: 64 } },
      tensor: 'r0/in/workspace_data',
      problem: 'must be U8 [length of workspace_pages = 0, workspace_page_bytes = 64], but is U8 [0, 32]',
    },
    {
      change: { args: { one_stream: 1 } },
      problem: 'args.one_stream must be true or false, but is 1',
    },
    {
      change: { args: { launched_ranks: 'all' } },
      problem: 'args.launched_ranks must be a list of integers, but is "all"',
    },
    {
      change: { args: { launched_ranks: [0, 2] } },
      problem: 'args.launched_ranks[1] must be an integer from 0 to ep_size - 1 = 1, but is 2',
    },
    {
      change: { args: { launched_ranks: [1, 0, 1] } },
      problem: 'args.launched_ranks must not repeat itself, but has 1 twice',
    },
    {
      change: { args: { ep_size: 1, launched_ranks: [0] }, tensors: { 'r0/in/send_rank_cum_sum': i32(1) } },
      tensor: 'r0/in/recv_rank_cum_sum',
      problem: 'must be I32 [ep_size = 1], but is I32 [2]',
    },
    {
      change: {
        args: { ep_size: 1, launched_ranks: [0] },
        tensors: { 'r0/in/send_rank_cum_sum': i32(1), 'r0/in/recv_rank_cum_sum': i32(1) },
      },
      tensor: 'r1/in/input',
      problem: 'does not belong in a capture of moe_comm with ep_size = 1',
    },
    {
      change: {
        args: { ep_size: 1e9, launched_ranks: undefined },
        tensors: { 'r0/in/send_rank_cum_sum': undefined },
      },
      tensor: 'r0/in/send_rank_cum_sum',
      problem: 'is missing: it must be I32 [ep_size = 1000000000]',
    },
    {
      change: { tensors: { 'r1/in/recv_indices': undefined } },
      tensor: 'r1/in/recv_indices',
      problem: 'is missing: it must be I32 [vectors]',
    },
    {
      change: { tensors: { 'r1/out/output': undefined } },
      tensor: 'r1/out/output',
      problem: 'is missing: it must be U8 [rows of r1/in/output = 3, output_row_stride_bytes = 16]',
    },
    {
      change: { tensors: { 'r01/in/input': u8([1, 32]) } },
      tensor: 'r01/in/input',
      problem: 'does not belong in a capture of moe_comm with ep_size = 2',
    },
    {
      change: { tensors: { 'r0/out/workspace_data': u8([1, 32]) } },
      tensor: 'r0/out/workspace_data',
      problem: 'must be U8 [length of workspace_pages = 2, workspace_page_bytes = 32], but is U8 [1, 32]',
    },
    {
      change: { tensors: { 'r0/out/workspace_pages': i64(0n, 3n) } },
      tensor: 'r0/out/workspace_pages',
      problem: 'must hold page numbers from 0 to 2, the last page of rank_stride_bytes = 80, but holds 3 at index 1',
    },
    {
      change: { tensors: { 'r0/out/workspace_pages': i64(-(2n ** 63n), 1n) } },
      tensor: 'r0/out/workspace_pages',
      problem:
        'must hold page numbers from 0 to 2, the last page of rank_stride_bytes = 80, but holds -9223372036854775808 at index 0',
    },
    {
      change: { tensors: { 'r0/out/workspace_pages': i64(1n, 1n) } },
      tensor: 'r0/out/workspace_pages',
      problem: 'must be strictly ascending, but holds 1 after 1 at index 1',
    },
    {
      change: { tensors: { 'r1/out/workspace_data': u8([2, 32], 1) } },
      tensor: 'r1/out/workspace_data',
      problem: 'must be zero in the last 16 bytes of page 2, which lie beyond rank_stride_bytes = 80, but is not',
    },
    {
      change: { metadata: { verdict: 'maybe' } },
      problem: 'metadata verdict must be one of completes, hangs, but is "maybe"',
    },
    {
      change: { metadata: { ranks_finished: '[true]' } },
      problem: 'metadata ranks_finished must be a JSON object, but is an array',
    },
    {
      change: { metadata: { ranks_finished: '{"0": true}' } },
      problem: 'metadata ranks_finished must say true or false for the launched rank 1, but that is missing',
    },
    {
      change: { metadata: { ranks_finished: '{"0": true, "1": false, "2": false}' } },
      problem: 'metadata ranks_finished must name launched ranks only, but names "2"',
    },
    {
      change: { metadata: { verdict: 'completes' } },
      problem: 'metadata verdict is completes, but by ranks_finished not every launched rank finished',
    },
    {
      change: { metadata: { ranks_finished: '{"0": true, "1": true}' } },
      problem: 'metadata verdict is hangs, but by ranks_finished every launched rank finished',
    },
  ]);

  test('what a file may leave out has defaults', () => {
    const bytes = tamperedFile(moeCommSample, {
      metadata: { verdict: undefined, ranks_finished: undefined },
      args: { launched_ranks: undefined, one_stream: undefined, call_index: undefined, waited_s: 4 },
    });
    const capture = decodeCapture(bytes, 'x') as MoeCommCapture;
    expect(capture.args).toMatchObject({ launchedRanks: [0, 1], oneStream: false, callIndex: 0 });
    expect(capture).toMatchObject({ recordedVerdict: null, ranksFinished: null });
    expect(capture.extraArgs).toEqual(new Map([['waited_s', 4]]));
  });
});
