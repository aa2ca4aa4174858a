"""A program of one rank: makes the calls of the captures in SIMTWIN_TEST_FIXTURES. Usage: rank_process.py RANK WORKSPACE"""

import mmap
import os
import sys

import simtwin_capture.auto
from stand_in import trtllm_alltoall as alltoall
from stand_in.buffers import read_file, rows, tensor


def prepare_indices(file):
    counts = "in/real_rank_token_count_cum_sum"
    scalars = [file.args[name] for name in ("max_token_count_per_rank", "expert_count", "top_k", "ep_rank", "ep_size")]
    alltoall.moe_comm_prepare_indices(
        file.tensor("in/gathered_target_rank_ids"), file.tensor(counts) if counts in file.tensors else None, *scalars
    )


def local_gather(file):
    names = ("recv_rank_cum_sum", "local_gather_indices", "gathered_expert_ids", "gathered_scales")
    scalars = [file.args[name] for name in ("max_token_count_per_rank", "expert_count", "top_k", "ep_rank", "ep_size")]
    tensors = [file.tensor(f"in/{name}") for name in (*names, "local_expert_ids", "local_scales")]
    alltoall.moe_local_gather(*tensors, *scalars)


def all_to_all(file, rank, workspaces):
    args, side = file.args, f"r{rank}/in"
    alltoall.moe_comm(
        rows(bytearray(file.bytes(f"{side}/input")), args["vector_bytes"], args["input_row_stride_bytes"]),
        file.tensor(f"{side}/send_rank_cum_sum"),
        file.tensor(f"{side}/send_indices"),
        rows(bytearray(file.bytes(f"{side}/output")), args["vector_bytes"], args["output_row_stride_bytes"]),
        file.tensor(f"{side}/recv_rank_cum_sum"),
        file.tensor(f"{side}/recv_indices"),
        all_workspaces=workspaces,
        ep_rank=rank,
        ep_size=args["ep_size"],
    )


def main():
    rank, workspace = int(sys.argv[1]), sys.argv[2]
    files = [read_file(path) for path in os.environ["SIMTWIN_TEST_FIXTURES"].split(os.pathsep)]
    workspaces = None
    for file in files:
        op = file.metadata["op"]
        if op == "moe_comm_prepare_indices":
            prepare_indices(file)
        elif op == "moe_local_gather":
            local_gather(file)
        else:
            if workspaces is None:
                shape = (file.args["ep_size"], file.args["rank_stride_bytes"] // 8)
                with open(workspace, "r+b") as opened:
                    workspaces = tensor("U64", shape, mmap.mmap(opened.fileno(), 8 * shape[0] * shape[1]))
            all_to_all(file, rank, workspaces)
    if simtwin_capture.auto.capture is not None:
        simtwin_capture.auto.capture.stop()


main()
