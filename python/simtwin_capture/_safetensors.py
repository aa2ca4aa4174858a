"""Writes safetensors: 8 bytes little-endian header length, a JSON header, the tensors' bytes."""

import json
import os
from typing import List, Mapping, NamedTuple, Tuple


class Stored(NamedTuple):
    """A tensor on the host: row-major, little-endian."""

    dtype: str
    shape: Tuple[int, ...]
    data: bytes


def header_of(metadata: Mapping[str, str], tensors: Mapping[str, Stored]) -> bytes:
    header = {"__metadata__": dict(metadata)}
    position = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + len(data)]}
        position += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_file(path: str, metadata: Mapping[str, str], tensors: Mapping[str, Stored]) -> None:
    """At every moment `path` is absent, the old file or the whole new one."""
    parts: List[bytes] = [header_of(metadata, tensors)]
    parts.extend(tensor.data for tensor in tensors.values())
    temporary = f"{path}.{os.getpid()}.partial"
    try:
        with open(temporary, "wb") as file:
            for part in parts:
                file.write(part)
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise
