"""Read a PyTorch checkpoint without PyTorch, and without running anything that the file names.

Source of both formats: torch/serialization.py of PyTorch (`_save`, `_legacy_save`, `_load`, `_legacy_load`).

- zip (since 1.6): uncompressed members `<root>/data.pkl`, `<root>/data/<key>` and perhaps `<root>/byteorder`.
- legacy: five pickles (magic number, protocol 1001, system information, the object, the storage keys), then
  for each key an int64 count of elements and the elements themselves, always little-endian.

Safetensors files are read too, see safetensors_file.py.
"""

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from akd_jax.convert.safetensors_file import looks_like_safetensors, read_safetensors
from akd_jax.convert.tensors import AGAIN, Tensors
from akd_jax.convert.unpickle import CheckpointError, Inert, shorten, unpickle

__all__ = ["CheckpointError", "Inert", "module_state_dict", "read_checkpoint"]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
MAX_PICKLE_BYTES = 64 << 20
MAX_MODULES = 10_000  # with MAX_NAME, an end to modules that contain themselves or share a child at every level
MAX_NAME = 1000


def read_checkpoint(path: str | os.PathLike) -> object:
    """What `torch.save` wrote to `path` (.pth, .pt, .th, .ckpt), or a .safetensors file: every tensor as a numpy array.

    Dicts of all kinds come back as `dict`, parameters as arrays, bfloat16 as float32, and an object of any
    other class as an `Inert`. Arrays have the shape and type of the tensor, are C-contiguous, writable and in
    native byte order, and share no memory with those of other tensors.
    Raises CheckpointError, and only that, for a path or file that cannot be read.
    """
    try:
        return _read(Path(path))
    except CheckpointError as fault:
        raise CheckpointError(f"{path}: {fault}") from None
    except OSError as fault:
        raise CheckpointError(f"{path}: cannot be read ({fault.strerror or fault}): check the path") from fault
    except Exception as fault:  # the bytes are not trusted, so whatever they upset in a decoder is their fault
        detail = shorten(fault) or type(fault).__name__
        raise CheckpointError(f"{path}: damaged, or not a PyTorch checkpoint ({detail}): {AGAIN}") from fault


def module_state_dict(module: Inert) -> dict[str, np.ndarray]:
    """The state dict of a whole pickled nn.Module: 'layer1.0.conv1.weight' ..., as `state_dict()` has it.

    Source: `Module._save_to_state_dict` in torch/nn/modules/module.py (parameters, then persistent buffers).
    Raises CheckpointError if `module` is not one.
    """
    weights: dict[str, np.ndarray] = {}
    waiting: list[tuple[str, Any]] = [("", module)]
    for _ in range(MAX_MODULES):
        if not waiting:
            return weights
        if len(weights) + len(waiting) > 100 * MAX_MODULES or len(waiting[-1][0]) > MAX_NAME:
            break
        prefix, current = waiting.pop()
        state = current.state if isinstance(current, Inert) else None
        if not isinstance(state, dict) or not isinstance(state.get("_modules"), dict):
            raise CheckpointError(f"{current!r:.80} is not a pickled nn.Module: save model.state_dict() instead")
        parameters, buffers = (state.get(part) or {} for part in ("_parameters", "_buffers"))
        skipped = state.get("_non_persistent_buffers_set") or set()
        if not (isinstance(parameters, dict) and isinstance(buffers, dict) and isinstance(skipped, set | list | tuple)):
            raise CheckpointError(f"{current!r:.80} is a damaged nn.Module: save model.state_dict() instead")
        own = {**parameters, **buffers}
        weights |= {f"{prefix}{k}": v for k, v in own.items() if isinstance(v, np.ndarray) and k not in skipped}
        children = [(f"{prefix}{name}.", child) for name, child in state["_modules"].items() if child is not None]
        waiting.extend(reversed(children))
    raise CheckpointError("the pickled nn.Module is too large or contains itself: save model.state_dict() instead")


def _read(path: Path) -> object:
    if not path.exists():
        raise CheckpointError("no such file: check the path")
    if path.is_dir():
        raise CheckpointError("is a directory: name the checkpoint file inside it")
    if not path.is_file():
        raise CheckpointError("is not a regular file: copy the checkpoint to one")
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(0)
        tensors = Tensors(path.stat().st_size)
        if not head:
            raise CheckpointError(f"is empty: {AGAIN}")
        if looks_like_safetensors(head):  # first, since the bytes of its length may be anything
            return read_safetensors(file, tensors.size)
        if head.startswith(b"version https://git-lfs"):
            raise CheckpointError("is a Git LFS pointer, not the file it points to: run git lfs pull")
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise CheckpointError("is a web page saved under this name: download the file behind the link instead")
        if head.startswith(b"PK"):
            return _read_zip(file, tensors)
        if head.startswith(b"\x80"):
            return _read_legacy(file, tensors)
        raise CheckpointError(f"is not a PyTorch file (it begins {head[:8]!r}): give a file that torch.save wrote")


def _read_zip(file: BinaryIO, tensors: Tensors) -> object:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise CheckpointError(f"is a zip archive cut short or damaged: {AGAIN}") from None
    members = archive.infolist()
    names = archive.namelist()
    root = names[0].partition("/")[0] if names else ""
    if any(name == f"{root}/constants.pkl" or name.startswith(f"{root}/code/") for name in names):
        raise CheckpointError("is a TorchScript archive (a program): torch.save the model's state_dict instead")
    if f"{root}/data.pkl" not in names:
        raise CheckpointError("is a zip archive, but not of torch.save (no data.pkl): give the file inside it")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise CheckpointError("has compressed members, which torch.save never writes: give the original file")
    if sum(member.file_size for member in members) > tensors.size:
        raise CheckpointError(f"has members larger than the file itself: damaged, {AGAIN}")
    if archive.getinfo(f"{root}/data.pkl").file_size > MAX_PICKLE_BYTES:
        raise CheckpointError("has a pickle of over 64 MiB: save the state_dict alone")
    order = archive.read(f"{root}/byteorder") if f"{root}/byteorder" in names else b"little"
    pickled = io.BytesIO(archive.read(f"{root}/data.pkl"))
    result = unpickle(pickled, tensors.builders, tensors.persistent)
    for key in list(tensors.loans):
        data = archive.read(f"{root}/data/{key}")
        if len(data) != tensors.storages[key].nbytes:
            raise CheckpointError(f"storage {shorten(key)} is not of the size its tensors say: damaged, {AGAIN}")
        tensors.fill(key, data, {b"little": "<", b"big": ">"}[order])
    return result


def _read_legacy(file: BinaryIO, tensors: Tensors) -> Any:
    stream = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    if unpickle(stream, tensors.builders, tensors.persistent) != MAGIC_NUMBER:
        raise CheckpointError("is a pickle, but not one of torch.save: give a file that torch.save wrote")
    if unpickle(stream, tensors.builders, tensors.persistent) != PROTOCOL_VERSION:
        raise CheckpointError("has an unknown protocol version: save it again with a current PyTorch")
    _system, result, keys = (unpickle(stream, tensors.builders, tensors.persistent) for _ in range(3))
    file.seek(stream.tell())
    stream.close()  # frees its copy of the file's beginning
    for key in keys:
        storage = tensors.storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        data = file.read(storage.nbytes)
        if count != storage.count or len(data) != storage.nbytes:
            raise CheckpointError(f"storage {shorten(key)} is cut short or damaged: {AGAIN}")
        tensors.fill(key, data, "<")
    if tensors.loans:
        raise CheckpointError(f"lacks the storage of some tensors: damaged, {AGAIN}")
    return result
