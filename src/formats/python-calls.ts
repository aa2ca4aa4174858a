import type { CaptureOp } from '../capture/capture.js';

/** A function of FlashInfer's Python API: its parameters in their order, tensors first, and what it returns. */
export interface PythonCall {
  readonly tensors: readonly string[];
  readonly scalars: readonly string[];
  /** The names in a capture. Empty: it returns nothing, and writes into its parameters, which a dump does not show. */
  readonly results: readonly string[];
}

const EXPERT_PARALLEL = ['max_token_count_per_rank', 'expert_count', 'top_k', 'ep_rank', 'ep_size'];

/** Source: flashinfer/comm/trtllm_alltoall.py at fb28d7242b. */
export const PYTHON_CALLS: Readonly<Record<string, PythonCall>> = {
  moe_comm_prepare_indices: {
    tensors: ['gathered_target_rank_ids', 'real_rank_token_count_cum_sum'],
    scalars: EXPERT_PARALLEL,
    results: [
      'local_gather_indices',
      'send_rank_count_cum_sum',
      'send_rank_local_indices',
      'recv_rank_count_cum_sum',
      'recv_rank_local_indices',
      'backward_recv_rank_local_indice',
    ],
  },
  moe_local_gather: {
    tensors: [
      'recv_rank_cum_sum',
      'local_gather_indices',
      'gathered_expert_ids',
      'gathered_scales',
      'local_expert_ids',
      'local_scales',
    ],
    scalars: EXPERT_PARALLEL,
    results: [],
  },
  moe_comm: {
    tensors: [
      'input',
      'send_rank_cum_sum',
      'send_indices',
      'output',
      'recv_rank_cum_sum',
      'recv_indices',
      'all_workspaces',
    ],
    scalars: ['ep_rank', 'ep_size'],
    results: [],
  },
} satisfies Record<CaptureOp, PythonCall>;
