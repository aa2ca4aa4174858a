"""One call: its tensors by name, its snapshots, its file."""

import inspect
import json
import os
import sys
import time
from typing import Dict, Optional

from ._options import VERSION
from ._safetensors import Stored, write_file
from ._tensors import (
    PAGE_BYTES,
    CannotRecord,
    copy_pages,
    copy_rows,
    copy_tensor,
    is_cuda,
    row_stride_of,
    shape_of,
    side_stream,
    torch_of,
)

# Names and order of flashinfer.comm.trtllm_alltoall.
_EXPERT_PARALLEL = ("max_token_count_per_rank", "expert_count", "top_k", "ep_rank", "ep_size")
PARAMETERS = {
    "moe_comm_prepare_indices": ("gathered_target_rank_ids", "real_rank_token_count_cum_sum", *_EXPERT_PARALLEL),
    "moe_local_gather": (
        "recv_rank_cum_sum",
        "local_gather_indices",
        "gathered_expert_ids",
        "gathered_scales",
        "local_expert_ids",
        "local_scales",
        *_EXPERT_PARALLEL,
    ),
    "moe_comm": (
        "input",
        "send_rank_cum_sum",
        "send_indices",
        "output",
        "recv_rank_cum_sum",
        "recv_indices",
        "all_workspaces",
        "ep_rank",
        "ep_size",
    ),
}
_PREPARED = (
    "local_gather_indices",
    "send_rank_count_cum_sum",
    "send_rank_local_indices",
    "recv_rank_count_cum_sum",
    "recv_rank_local_indices",
    "backward_recv_rank_local_indice",
)
_GATHERED = {"gathered_expert_ids": "I32", "gathered_scales": "F32", "local_expert_ids": "I32", "local_scales": "F32"}
_DISPLACEMENTS = ("send_rank_cum_sum", "send_indices", "recv_rank_cum_sum", "recv_indices")

_FIFO_BYTES = 1 << 21
_CONN_INFO_BYTES = 256
_GROUPS_PER_BLOCK = 8


def bind(op: str, original, args, kwargs) -> Dict[str, object]:
    """The arguments by name."""
    names = PARAMETERS[op]
    try:
        bound = inspect.signature(original).bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
    except ValueError:
        given = {**dict(zip(names, args)), **kwargs}
    missing = [name for name in names if name not in given]
    if missing:
        raise CannotRecord(f"{op} has no argument {missing[0]}: its signature is not the one that is known")
    return given


class Call:
    """A call from its begin to its file. What it needs of the GPU is on `stream`, apart from what hangs."""

    def __init__(self, op: str, number: int, given: Dict[str, object]):
        self.op = op
        self.number = number
        self.given = given
        self.rank = int(given["ep_rank"])
        self.size = int(given["ep_size"])
        self.began = time.monotonic()
        #: `running`, `hung` (written so), `finished`.
        self.state = "running"
        #: Whether the function has returned; on a GPU its kernel may still run.
        self.returned = False
        self.event = None
        self.result = None
        self.tensors: Dict[str, Stored] = {}
        self.args: Dict[str, object] = {}
        self.before_in_step = False
        self.after_in_step = False
        anchor = next(value for value in given.values() if hasattr(value, "shape") or _is_buffer(value))
        self._anchor = anchor
        self.stream = side_stream(anchor)

    @property
    def bytes(self) -> int:
        return sum(len(stored.data) for stored in self.tensors.values())

    def wait_for_stream(self) -> None:
        """What the program has queued before this call has ended."""
        if is_cuda(self._anchor):
            torch_of(self._anchor).cuda.current_stream(self._anchor.device).synchronize()

    def mark_returned(self, result) -> None:
        self.result = result
        if is_cuda(self._anchor):
            torch = torch_of(self._anchor)
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(self._anchor.device))
            self.event = event
        self.returned = True

    def is_finished(self) -> bool:
        return self.returned and (self.event is None or self.event.query())

    def take_inputs(self) -> None:
        if self.op == "moe_comm":
            self._take_all_to_all_inputs()
            return
        self.args = {name: int(self.given[name]) for name in _EXPERT_PARALLEL}
        if self.op == "moe_comm_prepare_indices":
            self._take("in/gathered_target_rank_ids", "gathered_target_rank_ids", "I32", 2)
            if self.given["real_rank_token_count_cum_sum"] is not None:
                self._take("in/real_rank_token_count_cum_sum", "real_rank_token_count_cum_sum", "I32", 1)
            return
        self._take("in/recv_rank_cum_sum", "recv_rank_cum_sum", "I32", 1)
        self._take("in/local_gather_indices", "local_gather_indices", "I32", 1)
        for name, dtype in _GATHERED.items():
            self._take(f"in/{name}", name, dtype, 2)

    def take_outputs(self) -> None:
        if self.op == "moe_comm":
            side = f"r{self.rank}/out"
            self.tensors[f"{side}/output"] = copy_rows(
                self.given["output"], "output", self.args["output_row_stride_bytes"], self.stream
            )
            self._take_pages(side)
        elif self.op == "moe_local_gather":
            for name in ("local_expert_ids", "local_scales"):
                self._take(f"out/{name}", name, _GATHERED[name], 2)
        elif self.result is not None:
            for name, tensor in zip(_PREPARED, self.result):
                self.tensors[f"out/{name}"] = copy_tensor(tensor, name, "I32", 1, self.stream)

    def release(self) -> None:
        """Lets go of the program's tensors."""
        self.given = {}
        self.result = None
        self.event = None
        self._anchor = None

    @property
    def file_name(self) -> str:
        kind = "part.safetensors" if self.op == "moe_comm" else "safetensors"
        return f"{self.op}.call{self.number:06d}.rank{self.rank:04d}.pid{os.getpid()}.{kind}"

    def write(self, directory: str, state: str) -> None:
        metadata = {
            "format": "simt-capture-part/1" if self.op == "moe_comm" else "simt-capture/1",
            "op": self.op,
            **self._place,
        }
        args = dict(self.args)
        if self.op == "moe_comm":
            metadata["state"] = state
            args["in_synchronised"] = self.before_in_step
            args["out_synchronised"] = self.after_in_step
        else:
            args["call_index"] = self.number
        metadata["args"] = json.dumps(args)
        write_file(os.path.join(directory, self.file_name), metadata, self.tensors)

    def take_place(self, module) -> None:
        """Where it runs, and the channels: asked of the module after the call, which has settled them."""
        device, sm_count, cuda = "CPU", None, None
        if is_cuda(self._anchor):
            torch = torch_of(self._anchor)
            properties = torch.cuda.get_device_properties(self._anchor.device)
            device, sm_count, cuda = properties.name, properties.multi_processor_count, torch.version.cuda
        flashinfer = getattr(sys.modules.get("flashinfer"), "__version__", None)
        producer = f"simtwin_capture {VERSION}" + (f", flashinfer {flashinfer}" if flashinfer else "")
        self._place = {"device": str(device), "producer": producer}
        if sm_count is not None:
            self._place["sm_count"] = str(sm_count)
        if cuda is not None:
            self._place["cuda"] = str(cuda)
        if self.op == "moe_comm":
            channels = _channel_count(module, self.size, sm_count)
            blocks = 2 * -(-self.size // _GROUPS_PER_BLOCK)
            self.args["channel_count"] = channels
            # The fewest SMs that give as many channels.
            self.args["max_usable_sm_count"] = 2 * blocks * channels

    def _take(self, tensor_name: str, name: str, dtype: str, dimensions: int) -> None:
        self.tensors[tensor_name] = copy_tensor(self.given[name], name, dtype, dimensions, self.stream)

    def _take_pages(self, side: str) -> None:
        numbers, data = copy_pages(self.given["all_workspaces"], self.rank, self.stream)
        self.tensors[f"{side}/workspace_pages"] = numbers
        self.tensors[f"{side}/workspace_data"] = data

    def _take_all_to_all_inputs(self) -> None:
        given = self.given
        source, target = shape_of(given["input"], "input"), shape_of(given["output"], "output")
        workspaces = shape_of(given["all_workspaces"], "all_workspaces")
        if len(workspaces.sizes) != 2 or workspaces.item_bytes != 8:
            raise CannotRecord(f"all_workspaces must be u64 [ep_size, words], but is {workspaces.dtype} {workspaces.sizes}")
        input_stride, output_stride = row_stride_of(source, "input"), row_stride_of(target, "output")
        part_bytes = workspaces.sizes[1] * workspaces.item_bytes
        self.args = {
            "ep_size": self.size,
            "ep_rank": self.rank,
            "vector_bytes": source.sizes[1] * source.item_bytes,
            "dtype": source.dtype,
            "input_row_stride_bytes": input_stride,
            "output_row_stride_bytes": output_stride,
            "rank_stride_bytes": max(workspaces.strides[0], part_bytes),
            "workspace_page_bytes": PAGE_BYTES,
            "call_index": self.number,
        }
        side = f"r{self.rank}/in"
        self.tensors[f"{side}/input"] = copy_rows(given["input"], "input", input_stride, self.stream)
        for name in _DISPLACEMENTS:
            self._take(f"{side}/{name}", name, "I32", 1)
        self.tensors[f"{side}/output"] = copy_rows(given["output"], "output", output_stride, self.stream)
        self._take_pages(side)


def _is_buffer(value) -> bool:
    return isinstance(value, (memoryview, bytearray))


def _channel_count(module, ep_size: int, sm_count: Optional[int]) -> int:
    """From the bytes of a workspace: 256 of each channel and peer are not FIFO, whose bytes are a multiple of 2 MiB."""
    ask = getattr(module, "get_moe_commworkspace_size_per_rank", None)
    links = int(ask(ep_size)) % _FIFO_BYTES // _CONN_INFO_BYTES if ask is not None else 0
    if links > 0 and links % ep_size == 0:
        return links // ep_size
    if sm_count is None:
        raise CannotRecord("the number of channels is not known: the module has no get_moe_commworkspace_size_per_rank")
    return max(sm_count // 2 // (2 * -(-ep_size // _GROUPS_PER_BLOCK)), 1)
