import { describe, expect, test } from 'vitest';
import { decodeCapture, encodeSafetensors } from '../../src/capture/index.js';
import { INT32, itRefuses } from './refusals.js';
import { f32, i32, localGatherSample, prepareIndicesSample, tamperedFile, u8 } from './samples.js';

describe('metadata', () => {
  itRefuses(prepareIndicesSample, [
    {
      change: { metadata: { format: undefined } },
      problem: 'metadata format must be "simt-capture/1", but is missing',
    },
    {
      change: { metadata: { format: 'simt-capture/2' } },
      problem: 'metadata format must be "simt-capture/1", but is "simt-capture/2"',
    },
    {
      change: { metadata: { op: 'moe_combine' } },
      problem: 'metadata op must be one of moe_comm_prepare_indices, moe_local_gather, moe_comm, but is "moe_combine"',
    },
    {
      change: { metadata: { op: undefined } },
      problem: 'metadata op must be one of moe_comm_prepare_indices, moe_local_gather, moe_comm, but is missing',
    },
    {
      change: { metadata: { args: undefined } },
      problem: 'metadata args must be a JSON object in a string, but is missing',
    },
    { change: { metadata: { args: '{' } }, problem: 'metadata args is not JSON' },
    {
      change: { metadata: { args: '7' } },
      problem: 'metadata args must be a JSON object, but is 7',
    },
    {
      change: { metadata: { args: '{"top_k":1,"top_k":2}' } },
      problem: 'metadata args gives the name "top_k" twice',
    },
  ]);

  test('a safetensors file without metadata is no capture', () => {
    const bytes = encodeSafetensors({ metadata: {}, tensors: new Map([['weight', f32(2)]]) });
    expect(() => decodeCapture(bytes, 'model')).toThrow(
      'model: metadata format must be "simt-capture/1", but is missing',
    );
  });
});

describe('moe_comm_prepare_indices', () => {
  itRefuses(prepareIndicesSample, [
    {
      change: { args: { max_token_count_per_rank: undefined } },
      problem: `args.max_token_count_per_rank must be an integer ${INT32}, but is missing`,
    },
    {
      change: { args: { max_token_count_per_rank: '3' } },
      problem: `args.max_token_count_per_rank must be an integer ${INT32}, but is "3"`,
    },
    {
      change: { args: { max_token_count_per_rank: 2.5 } },
      problem: `args.max_token_count_per_rank must be an integer ${INT32}, but is 2.5`,
    },
    {
      change: { args: { expert_count: 0 } },
      problem: `args.expert_count must be an integer ${INT32}, but is 0`,
    },
    {
      change: { args: { expert_count: 2 ** 31 } },
      problem: `args.expert_count must be an integer ${INT32}, but is 2147483648`,
    },
    {
      change: { args: { top_k: 9 } },
      problem: 'args.top_k must be an integer from 1 to expert_count = 8, but is 9',
    },
    {
      change: { args: { top_k: 0 } },
      problem: 'args.top_k must be an integer from 1 to expert_count = 8, but is 0',
    },
    {
      change: { args: { ep_rank: 4 } },
      problem: 'args.ep_rank must be an integer from 0 to ep_size - 1 = 3, but is 4',
    },
    {
      change: { args: { ep_rank: [1] } },
      problem: 'args.ep_rank must be an integer from 0 to ep_size - 1 = 3, but is an array',
    },
    { change: { args: { ep_size: -4 } }, problem: `args.ep_size must be an integer ${INT32}, but is -4` },
    {
      change: { args: { ep_size: 1e9 } },
      tensor: 'in/real_rank_token_count_cum_sum',
      problem: 'must be I32 [ep_size = 1000000000], but is I32 [4]',
    },
    {
      change: { args: { top_k: 3 } },
      tensor: 'in/gathered_target_rank_ids',
      problem: 'must be I32 [tokens, top_k = 3], but is I32 [12, 2]',
    },
    {
      change: { tensors: { 'in/gathered_target_rank_ids': i32(24) } },
      tensor: 'in/gathered_target_rank_ids',
      problem: 'must be I32 [tokens, top_k = 2], but is I32 [24]',
    },
    {
      change: { tensors: { 'in/gathered_target_rank_ids': f32(12, 2) } },
      tensor: 'in/gathered_target_rank_ids',
      problem: 'must be I32 [tokens, top_k = 2], but is F32 [12, 2]',
    },
    {
      change: { tensors: { 'in/gathered_target_rank_ids': undefined } },
      tensor: 'in/gathered_target_rank_ids',
      problem: 'is missing: it must be I32 [tokens, top_k = 2]',
    },
    {
      change: {
        tensors: { 'in/gathered_target_rank_ids': i32(11, 2), 'in/real_rank_token_count_cum_sum': undefined },
      },
      tensor: 'in/gathered_target_rank_ids',
      problem: 'must be I32 [ep_size * max_token_count_per_rank = 12, top_k = 2], but is I32 [11, 2]',
    },
    {
      change: { tensors: { 'out/send_rank_local_indices': i32(8) } },
      tensor: 'out/send_rank_local_indices',
      problem: 'must be I32 [max_token_count_per_rank * max(ep_size, top_k) = 12], but is I32 [8]',
    },
    {
      change: { tensors: { 'out/recv_rank_local_indices': i32(13) } },
      tensor: 'out/recv_rank_local_indices',
      problem: 'must be I32 [max_token_count_per_rank * ep_size = 12], but is I32 [13]',
    },
    {
      change: { tensors: { 'out/backward_recv_rank_local_indice': undefined } },
      tensor: 'out/backward_recv_rank_local_indice',
      problem: 'is missing: it must be I32 [max_token_count_per_rank * max(ep_size, top_k) = 12]',
    },
    {
      change: { tensors: { 'in/real_rank_token_count_cumsum': i32(4) } },
      tensor: 'in/real_rank_token_count_cumsum',
      problem: 'does not belong in a capture of moe_comm_prepare_indices',
    },
  ]);

  test.each([
    { why: 'a cumulative sum that lies', change: { tensors: { 'in/real_rank_token_count_cum_sum': i32(4) } } },
    { why: 'more experts than any lane can hold', change: { args: { expert_count: 100_000 } } },
  ])('$why is no error of the capture', ({ change }) => {
    expect(decodeCapture(tamperedFile(prepareIndicesSample, change), 'x').op).toBe(prepareIndicesSample.op);
  });
});

describe('moe_local_gather', () => {
  itRefuses(localGatherSample, [
    {
      change: { tensors: { 'in/local_gather_indices': i32(3, 1) } },
      tensor: 'in/local_gather_indices',
      problem: 'must be I32 [local_max_token_count], but is I32 [3, 1]',
    },
    {
      change: { tensors: { 'in/gathered_scales': i32(3, 2) } },
      tensor: 'in/gathered_scales',
      problem: 'must be F32 [tokens, top_k = 2], but is I32 [3, 2]',
    },
    {
      change: { tensors: { 'in/local_scales': f32(4, 2) } },
      tensor: 'in/local_scales',
      problem: 'must be F32 [length of local_gather_indices = 3, top_k = 2], but is F32 [4, 2]',
    },
    {
      change: { tensors: { 'out/local_expert_ids': undefined } },
      tensor: 'out/local_expert_ids',
      problem: 'is missing: it must be I32 [length of local_gather_indices = 3, top_k = 2]',
    },
    {
      change: { tensors: { 'r0/in/input': u8([1, 16]) } },
      tensor: 'r0/in/input',
      problem: 'does not belong in a capture of moe_local_gather',
    },
  ]);
});
