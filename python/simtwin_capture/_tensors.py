"""Copies tensors to the host: of torch, or anything with the buffer protocol (numpy). Imports neither."""

import ctypes
import sys
from typing import Iterator, NamedTuple, Optional, Tuple

from ._safetensors import Stored

PAGE_BYTES = 4096
_BLOCK_BYTES = 1 << 20
_CHUNK_BYTES = 64 << 20
_ZERO_BLOCK = bytes(_BLOCK_BYTES)
_ZERO_PAGE = bytes(PAGE_BYTES)

_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "uint16": "U16",
    "int16": "I16",
    "float16": "F16",
    "bfloat16": "BF16",
    "uint32": "U32",
    "int32": "I32",
    "float32": "F32",
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
}
_KINDS = {"?": "bool", "e": "float16", "f": "float32", "d": "float64"}


class CannotRecord(Exception):
    """A tensor that is not what the operation takes."""


class Shape(NamedTuple):
    """What a tensor looks like, wherever it lies. Strides in bytes."""

    dtype: str
    sizes: Tuple[int, ...]
    strides: Tuple[int, ...]
    item_bytes: int

    @property
    def bytes(self) -> int:
        count = self.item_bytes
        for size in self.sizes:
            count *= size
        return count


def torch_of(tensor):
    """torch, if `tensor` is one of its tensors; else None."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    return torch if isinstance(kind, type) and isinstance(tensor, kind) else None


def is_cuda(tensor) -> bool:
    return torch_of(tensor) is not None and bool(tensor.is_cuda)


def shape_of(tensor, name: str) -> Shape:
    if torch_of(tensor) is not None:
        item = tensor.element_size()
        dtype = _DTYPES.get(str(tensor.dtype).replace("torch.", ""), "U8")
        return Shape(dtype, tuple(tensor.shape), tuple(step * item for step in tensor.stride()), item)
    view, kind = _view(tensor, name)
    return Shape(_DTYPES.get(kind, "U8"), tuple(view.shape), tuple(view.strides), view.itemsize)


def _view(tensor, name: str) -> Tuple[memoryview, str]:
    try:
        view = memoryview(tensor)
        return view, _kind_of(view)
    except (TypeError, ValueError):
        pass
    # numpy has no buffer format for the types of ml_dtypes, such as bfloat16.
    try:
        item = tensor.dtype.itemsize
        return memoryview(tensor.view(f"u{item}")), str(tensor.dtype)
    except Exception:
        raise CannotRecord(f"{name} is a {type(tensor).__name__}, which is no tensor of torch or numpy") from None


def _kind_of(view: memoryview) -> str:
    code = view.format.lstrip("@=<")
    if code in _KINDS:
        return _KINDS[code]
    if code in "bhilqn":
        return f"int{8 * view.itemsize}"
    return f"uint{8 * view.itemsize}" if code in "BHILQNPc" else code


def copy_tensor(tensor, name: str, dtype: str, dimensions: int, stream=None) -> Stored:
    """The contents as `dtype` [sizes]. On a GPU: by copies on `stream` alone, no kernel."""
    shape = shape_of(tensor, name)
    if shape.dtype != dtype or len(shape.sizes) != dimensions:
        raise CannotRecord(f"{name} must be {dtype} of {dimensions} dimensions, but is {shape.dtype} {list(shape.sizes)}")
    if dimensions == 2:
        data = _rows(tensor, name, shape, stream)
    else:
        data = _flat(tensor, name, shape, stream)
    return Stored(dtype, shape.sizes, data)


def copy_rows(tensor, name: str, row_stride: int, stream=None) -> Stored:
    """A 2-D tensor as U8 [rows, row_stride]; what lies between two rows is zero."""
    shape = shape_of(tensor, name)
    row_bytes = shape.sizes[1] * shape.item_bytes
    data = _rows(tensor, name, shape, stream)
    if row_bytes < row_stride:
        gap = bytes(row_stride - row_bytes)
        data = b"".join(data[at * row_bytes : (at + 1) * row_bytes] + gap for at in range(shape.sizes[0]))
    return Stored("U8", (shape.sizes[0], row_stride), data)


def row_stride_of(shape: Shape, name: str) -> int:
    """Bytes from a row of a 2-D tensor to the next."""
    if len(shape.sizes) != 2:
        raise CannotRecord(f"{name} must have 2 dimensions, but has {len(shape.sizes)}")
    vector_bytes = shape.sizes[1] * shape.item_bytes
    if shape.sizes[0] <= 1:
        return vector_bytes
    if shape.strides[0] < vector_bytes:
        raise CannotRecord(f"{name} has rows of {vector_bytes} bytes that overlap: they are {shape.strides[0]} apart")
    return shape.strides[0]


def _rows(tensor, name: str, shape: Shape, stream) -> bytes:
    """The rows of a 2-D tensor, without what lies between them."""
    rows, columns = shape.sizes
    if rows == 0 or columns == 0:
        return b""
    if columns > 1 and shape.strides[1] != shape.item_bytes:
        raise CannotRecord(f"{name} has elements of a row that do not lie side by side")
    torch = torch_of(tensor)
    if torch is None:
        return _view(tensor, name)[0].tobytes()
    row_bytes = columns * shape.item_bytes
    stride = shape.strides[0] if rows > 1 else row_bytes
    # One piece from the first row to the last, so that a GPU needs no kernel to gather it.
    piece = tensor.detach().as_strided(((rows - 1) * (stride // shape.item_bytes) + columns,), (1,))
    data = _from_torch(torch, piece, stream)
    if stride == row_bytes:
        return data
    return b"".join(data[row * stride : row * stride + row_bytes] for row in range(rows))


def _flat(tensor, name: str, shape: Shape, stream) -> bytes:
    torch = torch_of(tensor)
    if torch is None:
        return _view(tensor, name)[0].tobytes()
    flat = tensor.detach()
    if not flat.is_contiguous():
        raise CannotRecord(f"{name} is not contiguous")
    return _from_torch(torch, flat, stream)


def _from_torch(torch, tensor, stream) -> bytes:
    """The bytes of a contiguous tensor."""
    count = tensor.numel() * tensor.element_size()
    if count == 0:
        return b""
    if tensor.is_cuda:
        with torch.cuda.stream(stream):
            host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            host.copy_(tensor, non_blocking=True)
        stream.synchronize()
        tensor = host
    return ctypes.string_at(tensor.data_ptr(), count)


def side_stream(tensor):
    """A stream that waits for nothing a hanging kernel holds; None off the GPU."""
    torch = torch_of(tensor)
    return torch.cuda.Stream(device=tensor.device) if torch is not None and tensor.is_cuda else None


def copy_pages(workspaces, rank: int, stream=None) -> Tuple[Stored, Stored]:
    """The pages of a rank's part that are not all zero: their numbers, their bytes."""
    numbers = []
    pages = []
    page = 0
    for block in _blocks(workspaces, rank, stream):
        if len(block) == _BLOCK_BYTES and block == _ZERO_BLOCK:
            page += _BLOCK_BYTES // PAGE_BYTES
            continue
        for at in range(0, len(block), PAGE_BYTES):
            content = block[at : at + PAGE_BYTES]
            if len(content) < PAGE_BYTES:
                content += bytes(PAGE_BYTES - len(content))
            if content != _ZERO_PAGE:
                numbers.append(page)
                pages.append(content)
            page += 1
    listed = b"".join(number.to_bytes(8, "little") for number in numbers)
    return Stored("I64", (len(numbers),), listed), Stored("U8", (len(numbers), PAGE_BYTES), b"".join(pages))


def _blocks(workspaces, rank: int, stream) -> Iterator[bytes]:
    """A rank's part in pieces of 1 MiB."""
    torch = torch_of(workspaces)
    if torch is None:
        part = _part_of(workspaces, rank)
        for at in range(0, len(part), _BLOCK_BYTES):
            yield bytes(part[at : at + _BLOCK_BYTES])
        return
    part = workspaces.detach()[rank].view(torch.uint8)
    host: Optional[object] = None
    for at in range(0, part.numel(), _CHUNK_BYTES):
        chunk = part[at : at + _CHUNK_BYTES]
        count = chunk.numel()
        if chunk.is_cuda:
            with torch.cuda.stream(stream):
                if host is None:
                    host = torch.empty(min(_CHUNK_BYTES, part.numel()), dtype=torch.uint8, pin_memory=True)
                host[:count].copy_(chunk, non_blocking=True)
            stream.synchronize()
            address = host.data_ptr()
        else:
            address = chunk.data_ptr()
        for begin in range(0, count, _BLOCK_BYTES):
            yield ctypes.string_at(address + begin, min(_BLOCK_BYTES, count - begin))


def _part_of(workspaces, rank: int) -> memoryview:
    view = memoryview(workspaces)
    if view.c_contiguous:
        row_bytes = view.shape[1] * view.itemsize
        return view.cast("B")[rank * row_bytes : (rank + 1) * row_bytes]
    return memoryview(workspaces[rank]).cast("B")
