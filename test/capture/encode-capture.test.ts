import { describe, expect, test } from 'vitest';
import { type Capture, encodeCapture } from '../../src/capture/index.js';
import { localGatherSample, moeCommSample, prepareIndicesSample } from './samples.js';

describe('writing', () => {
  test.each<{ why: string; capture: Capture; message: string }>([
    {
      why: 'an array that does not fit the arguments',
      capture: {
        ...prepareIndicesSample,
        outputs: { ...prepareIndicesSample.outputs!, localGatherIndices: new Int32Array(5) },
      },
      message:
        'capture to encode: tensor out/local_gather_indices must be I32 [max_token_count_per_rank * ep_size = 12], but is I32 [5]',
    },
    {
      why: 'a part of a row',
      capture: {
        ...localGatherSample,
        inputs: { ...localGatherSample.inputs, localExpertIds: new Int32Array(5) },
      },
      message: 'capture to encode: tensor in/local_expert_ids must have whole rows of 2 elements, but has 5 elements',
    },
    {
      why: 'rows that are fewer than it says',
      capture: {
        ...moeCommSample,
        ranks: moeCommSample.ranks.map((rank) => ({ ...rank, inputs: { ...rank.inputs, inputRows: 3 } })),
      },
      message:
        'capture to encode: tensor r0/in/input must have whole rows of 32 elements, 3 of them, but has 64 elements',
    },
    {
      why: 'a page number that is no integer',
      capture: {
        ...moeCommSample,
        ranks: moeCommSample.ranks.map(({ inputs }) => ({
          inputs: { ...inputs, workspacePages: { pageBytes: 32, pages: [0.5], data: new Uint8Array(32) } },
          outputs: null,
        })),
      },
      message:
        'capture to encode: tensor r0/in/workspace_pages must hold page numbers from 0 to 2, the last page of rank_stride_bytes = 80, but holds -1 at index 0',
    },
    {
      why: 'outputs of some ranks only',
      capture: {
        ...moeCommSample,
        ranks: moeCommSample.ranks.map((rank, index) => (index === 0 ? { ...rank, outputs: null } : rank)),
      },
      message:
        'capture to encode: tensor r0/out/output is missing: it must be U8 [rows of r0/in/output = 3, output_row_stride_bytes = 16]',
    },
    {
      why: 'an argument that is no number',
      capture: { ...localGatherSample, args: { ...localGatherSample.args, epRank: Number.NaN } },
      message: 'capture to encode: args.ep_rank must be an integer from 0 to ep_size - 1 = 3, but is null',
    },
    {
      why: 'an extra that hides metadata',
      capture: { ...moeCommSample, extraMetadata: new Map([['verdict', 'completes']]) },
      message: 'capture to encode: extraMetadata must not hold verdict, which has a field of its own',
    },
    {
      why: 'an extra that hides an argument',
      capture: { ...moeCommSample, extraArgs: new Map([['ep_size', 3]]) },
      message: 'capture to encode: extraArgs must not hold ep_size, which has a field of its own',
    },
  ])('$why is refused', ({ capture, message }) => {
    expect(() => encodeCapture(capture)).toThrow(message);
  });
});
