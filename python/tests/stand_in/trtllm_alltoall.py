"""Stands in for flashinfer.comm.trtllm_alltoall: the same signatures, and results out of captures instead of a GPU.

SIMTWIN_TEST_FIXTURES: captures, one after the other for the calls of each operation. A rank of moe_comm writes what the
capture has of the next rank's part of the workspace, as peers do; one that hung in the capture does not return.
"""

import json
import os
import threading

from .buffers import raw, read_file, tensor

_counts = {}
_lock = threading.Lock()
#: What the next calls do besides, for tests: called with the operation and its rank.
hooks = []


def _fixture(op, rank):
    with _lock:
        at = _counts[op, rank] = _counts.get((op, rank), -1) + 1
    for hook in hooks:
        hook(op, rank)
    paths = [path for path in os.environ.get("SIMTWIN_TEST_FIXTURES", "").split(os.pathsep) if path]
    files = [file for file in map(read_file, paths) if file.metadata["op"] == op]
    return files[at] if files else None


def moe_comm_prepare_indices(
    gathered_target_rank_ids,
    real_rank_token_count_cum_sum,
    max_token_count_per_rank,
    expert_count,
    top_k,
    ep_rank,
    ep_size,
):
    file = _fixture("moe_comm_prepare_indices", ep_rank)
    most = max_token_count_per_rank * max(ep_size, top_k)
    lengths = {
        "local_gather_indices": max_token_count_per_rank * ep_size,
        "send_rank_count_cum_sum": ep_size,
        "send_rank_local_indices": most,
        "recv_rank_count_cum_sum": ep_size,
        "recv_rank_local_indices": max_token_count_per_rank * ep_size,
        "backward_recv_rank_local_indice": most,
    }
    if file is not None:
        return tuple(file.tensor(f"out/{name}") for name in lengths)
    return tuple(tensor("I32", (length,), bytes(4 * length)) for length in lengths.values())


def moe_local_gather(
    recv_rank_cum_sum,
    local_gather_indices,
    gathered_expert_ids,
    gathered_scales,
    local_expert_ids,
    local_scales,
    max_token_count_per_rank,
    expert_count,
    top_k,
    ep_rank,
    ep_size,
):
    file = _fixture("moe_local_gather", ep_rank)
    if file is not None:
        raw(local_expert_ids)[:] = file.bytes("out/local_expert_ids")
        raw(local_scales)[:] = file.bytes("out/local_scales")


def moe_comm(
    input,
    send_rank_cum_sum,
    send_indices,
    output,
    recv_rank_cum_sum,
    recv_indices,
    all_workspaces,
    ep_rank,
    ep_size,
):
    file = _fixture("moe_comm", ep_rank)
    if file is None:
        raw(output)[:] = bytes([ep_rank + 1]) * len(raw(output))
        return
    peer = (ep_rank + 1) % ep_size
    stride = file.args["rank_stride_bytes"]
    part = raw(all_workspaces)[peer * stride : (peer + 1) * stride]
    for page, data in file.pages(f"r{peer}/out"):
        at = page * 4096
        part[at : at + 4096] = data[: len(part[at : at + 4096])]
    row_bytes, out = memoryview(output).shape[1], file.args["output_row_stride_bytes"]
    recorded = file.bytes(f"r{ep_rank}/out/output")
    for row in range(len(recorded) // out):
        content = recorded[row * out : row * out + row_bytes]
        if row_bytes == out:
            raw(output)[row * out : row * out + row_bytes] = content
        else:
            output[row] = tensor("U8", (row_bytes,), content)
    finished = json.loads(file.metadata.get("ranks_finished", "{}"))
    if not finished.get(str(ep_rank), True):
        threading.Event().wait()


def set_moe_max_usable_sm_count(max_sm_count):
    pass


def get_moe_commworkspace_size_per_rank(ep_size):
    paths = [path for path in os.environ.get("SIMTWIN_TEST_FIXTURES", "").split(os.pathsep) if path]
    channels = [file.args["channel_count"] for file in map(read_file, paths) if file.metadata["op"] == "moe_comm"]
    return (channels[0] if channels else 2) * ep_size * ((1 << 21) + 256)
