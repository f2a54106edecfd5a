"""Read a .safetensors file: a JSON header of names, types, shapes and offsets, then the bytes.

The library checks that the offsets lie within the file and cover it, and that they fit the shapes. Its numpy interface
knows no bfloat16 by itself, so the arrays are made here.
"""

import math
import struct
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, deserialize

from akd_jax.convert.unpickle import CheckpointError, shorten

MAX_HEADER_BYTES = 16 << 20  # some 100,000 tensors
TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1",
}  # fmt: skip


def looks_like_safetensors(head: bytes) -> bool:
    """head: the file's first bytes. The header's length, 8 bytes and nowhere near 2^48, is before its brace."""
    return head[6:9] == b"\0\0{"


def read_safetensors(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    """name -> array of the tensor's shape and type, bfloat16 as float32; size: of the file. Raises CheckpointError."""
    (header,) = struct.unpack("<Q", file.read(8))
    if header > size - 8:
        raise CheckpointError("is a safetensors file cut short or damaged: download or copy it again")
    if header > MAX_HEADER_BYTES:
        raise CheckpointError("has a safetensors header of over 16 MiB: not a checkpoint of weights")
    file.seek(0)
    try:
        entries = deserialize(file.read())
    except SafetensorError as fault:
        raise CheckpointError(
            f"is a safetensors file cut short or damaged ({shorten(fault)}): download or copy it again"
        ) from None
    return {name: _array(entry) for name, entry in entries}


def _array(entry: dict) -> np.ndarray:
    kind, shape = entry["dtype"], entry["shape"]
    if kind not in TYPES:
        raise CheckpointError(f"holds tensors of type {shorten(kind)}, which numpy lacks: save them as float32")
    stored = np.frombuffer(entry["data"], TYPES[kind])
    if len(stored) != math.prod(shape):
        raise CheckpointError("has a tensor whose bytes do not fit its shape: download or copy it again")
    stored = stored.reshape(shape)
    if kind == "BF16":  # the upper half of a float32
        return np.left_shift(stored, 16, dtype="u4").view("f4")
    return stored != 0 if kind == "BOOL" else stored.astype(stored.dtype.newbyteorder("="), copy=False)
