"""Tensors for tests: of numpy, or plain memoryviews where it is absent or SIMTWIN_TEST_NO_NUMPY is set."""

import json
import os
from typing import NamedTuple

try:
    import numpy
except ImportError:
    numpy = None

CODES = {"U8": "B", "I32": "i", "F32": "f", "I64": "q", "U64": "Q"}
NUMPY_NAMES = {"U8": "uint8", "I32": "int32", "F32": "float32", "I64": "int64", "U64": "uint64"}


def uses_numpy() -> bool:
    return numpy is not None and os.environ.get("SIMTWIN_TEST_NO_NUMPY", "") == ""


def tensor(dtype, shape, data):
    """A writable tensor over `data`, which is copied unless it is writable itself."""
    if isinstance(data, (bytes, memoryview)):
        data = bytearray(data)
    if uses_numpy():
        return numpy.frombuffer(data, dtype=NUMPY_NAMES[dtype]).reshape(shape)
    flat = memoryview(data).cast("B")
    return flat if 0 in shape else flat.cast(CODES[dtype], shape)


def raw(buffer) -> memoryview:
    """The bytes of a contiguous tensor, writable."""
    view = memoryview(buffer)
    return view if view.nbytes == 0 else view.cast("B")


def rows(data, row_bytes, stride):
    """U8 [rows, row_bytes] over rows of `stride` bytes."""
    whole = tensor("U8", (len(data) // stride, stride), data)
    if row_bytes == stride:
        return whole
    if not uses_numpy():
        raise ValueError("a memoryview has no strided rows")
    return whole[:, :row_bytes]


class File(NamedTuple):
    metadata: dict
    args: dict
    #: By name: dtype, shape, bytes.
    tensors: dict

    def bytes(self, name):
        return self.tensors[name][2]

    def tensor(self, name):
        return tensor(*self.tensors[name])

    def pages(self, side):
        numbers = memoryview(self.bytes(f"{side}/workspace_pages")).cast("q")
        data = self.bytes(f"{side}/workspace_data")
        return [(number, data[at * 4096 : (at + 1) * 4096]) for at, number in enumerate(numbers)]


def read_file(path) -> File:
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], tuple(entry["shape"]), content[start + begin : start + end])
    return File(metadata, json.loads(metadata["args"]), tensors)
