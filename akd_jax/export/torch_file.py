"""A PyTorch checkpoint (.pth) written without PyTorch.

Source: `_save` in torch/serialization.py and `_rebuild_tensor_v2` in torch/_utils.py of PyTorch. A zip archive of
stored members: `data.pkl`, in which every tensor is a call of `_rebuild_tensor_v2` on a storage that it names by a key,
and the storages' elements in `data/<key>`.
"""

import io
import pickle
import zipfile
from collections.abc import Mapping
from itertools import accumulate
from math import prod

import numpy as np

ROOT = "archive"
STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


def encode(state_dict: Mapping[str, np.ndarray]) -> bytes:
    """What `torch.load` reads as an OrderedDict of tensors, also with weights_only=True.

    The same arrays give the same bytes. Raises KeyError for arrays that are of no type of STORAGES.
    """
    members = {"data.pkl": _pickled(state_dict), "byteorder": b"little", "version": b"3\n"}
    members |= {f"data/{key}": _little(array).tobytes() for key, array in enumerate(state_dict.values())}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(f"{ROOT}/{name}"), data)  # of 1980, as all of them
    return file.getvalue()


def _pickled(state_dict: Mapping[str, np.ndarray]) -> bytes:
    """Operation by operation, since the pickle module only writes names of what it can import."""
    items = [_value(name) + _tensor(str(key), array) for key, (name, array) in enumerate(state_dict.items())]
    return b"".join([pickle.PROTO, b"\x02", _EMPTY, pickle.MARK, *items, pickle.SETITEMS, pickle.STOP])


def _tensor(key: str, array: np.ndarray) -> bytes:
    """A call of _rebuild_tensor_v2(storage, offset, size, strides, requires_grad, backward_hooks)."""
    strides = tuple(accumulate(array.shape[:0:-1], initial=1, func=lambda step, size: step * size))[::-1]
    strides = strides if array.ndim else ()
    storage_type = _global("torch", STORAGES[array.dtype.name])
    storage = _tuple(_value("storage"), storage_type, _value(key), _value("cpu"), _value(prod(array.shape)))
    arguments = (storage + pickle.BINPERSID, *map(_value, (0, array.shape, strides, False)), _EMPTY)
    return _global("torch._utils", "_rebuild_tensor_v2") + _tuple(*arguments) + pickle.REDUCE


def _value(value: object) -> bytes:
    """A plain value, without the header and the stop of a pickle of its own."""
    return pickle.dumps(value, 2)[2:-1]


def _tuple(*values: bytes) -> bytes:
    return pickle.MARK + b"".join(values) + pickle.TUPLE


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _little(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


_EMPTY = _global("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
