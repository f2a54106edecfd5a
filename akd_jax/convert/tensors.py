"""The tensors of a PyTorch checkpoint as numpy arrays: element types, storages and the views on them.

Source: `_rebuild_*` in torch/_utils.py and `persistent_load` in torch/serialization.py of PyTorch. A tensor
in the pickle is a strided view of a storage that lies elsewhere in the file: arrays are allocated during
unpickling and filled from one storage after the other, so the peak is the arrays plus the largest storage.
"""

import math
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from akd_jax.convert.unpickle import CheckpointError, Inert, call, flat_key, shorten

AGAIN = "download or copy it again"
MAX_DIMENSIONS = 64  # as in numpy and PyTorch


class Element(NamedTuple):
    """Type of a storage's elements: numpy codes, without byte order, in the file and in the array."""

    stored: str
    loaded: str


BFLOAT16 = Element("u2", "f4")  # numpy has none; it is the upper half of a float32, so the upcast is exact
BOOL = Element("u1", "?")  # a byte other than 0 and 1 is no valid numpy bool, so bytes are compared with 0
ELEMENTS = {"BFloat16Storage": BFLOAT16, "BoolStorage": BOOL} | {
    name: Element(code, code)
    for name, code in {
        "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2",
        "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1",
        "ByteStorage": "u1", "UntypedStorage": "u1",
        "ComplexFloatStorage": "c8", "ComplexDoubleStorage": "c16",
        "uint16": "u2", "uint32": "u4", "uint64": "u8",
    }.items()
}  # fmt: skip


class Storage(NamedTuple):
    """`count` elements from element `start` of the storage `key`."""

    key: str
    element: Element
    start: int
    count: int

    @property
    def nbytes(self) -> int:
        return self.count * np.dtype(self.element.stored).itemsize


class Loan(NamedTuple):
    """An array still to be filled from its storage; offset and strides in elements."""

    array: np.ndarray
    element: Element
    offset: int
    strides: tuple[int, ...]


class Tensors:
    """The storages and arrays of one file while it is read. size: of the file, in bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.budget = 4 * size + (64 << 20)  # bytes; expanded and shared views honestly need more than the file
        self.storages: dict[str, Storage] = {}
        self.loans: defaultdict[str, list[Loan]] = defaultdict(list)
        self.builders = {
            "collections.OrderedDict": self._dict,
            "collections.Counter": self._dict,
            "collections.defaultdict": lambda _factory=None, items=(): self._dict(items),
            "builtins.set": self._set,
            "__builtin__.set": self._set,
            "_codecs.encode": self._bytes,  # how protocol 2 writes bytes
            "copyreg._reconstructor": lambda kind, *_: Inert(kind.name),
            "copy_reg._reconstructor": lambda kind, *_: Inert(kind.name),
            "torch.Size": lambda items: tuple(self._items(items)),
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor_v2,
            "torch._utils._rebuild_tensor_v3": self._tensor_v3,
            "torch._utils._rebuild_parameter": lambda data, *_: data,
            "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
            "torch._tensor._rebuild_from_type_v2": lambda kind, _type, args, *_: call(kind, args, self.builders),
        }

    def persistent(self, identity: Any) -> object:
        """The storage of ('storage', type, key, location, numel[, view]), or the class of ('module', class).

        view: None or (key, offset, numel), the part of the storage that is meant.
        """
        kind, *rest = identity
        if kind == "module":
            return rest[0]
        if kind != "storage":
            raise CheckpointError(f"has a persistent id of kind {shorten(kind)}: not a checkpoint of weights")
        type_, key, _location, count, *view = rest
        element = _element(type_.name)
        _naturals(count)
        whole = Storage(str(key), element, 0, count)
        if whole.nbytes > self.size:
            raise CheckpointError(f"storage {shorten(key)} is larger than the file, which is cut short: {AGAIN}")
        if self.storages.setdefault(whole.key, whole) != whole:
            raise CheckpointError(f"storage {shorten(key)} has two types or sizes: the file is damaged, {AGAIN}")
        if not view or view[0] is None:
            return whole
        _, start, part = view[0]
        _naturals(start, part)
        if start + part > count:
            raise CheckpointError(f"a view reaches past the end of storage {shorten(key)}: damaged, {AGAIN}")
        return whole._replace(start=start, count=part)

    def fill(self, key: str, data: bytes, order: str) -> None:
        """Fill the arrays that view storage `key`, whose bytes are `data` in byte order '<' or '>'."""
        for array, element, offset, strides in self.loans.pop(key, ()):
            stored = np.dtype(order + element.stored)
            steps = [step * stored.itemsize for step in strides]
            # as_strided would trust the file's numbers; this constructor checks them against the buffer
            view = np.ndarray(array.shape, stored, data, offset * stored.itemsize, steps)
            if element == BFLOAT16:
                np.left_shift(view, 16, out=array.view("u4"), dtype="u4")
            else:
                np.copyto(array, view, casting="unsafe")

    def _tensor(self, storage: Storage, offset: int, size: tuple, strides: tuple) -> np.ndarray:
        """An array of shape `size` to be filled from `storage`; offset and strides in elements."""
        key, element, start, count = storage
        if len(size) != len(strides) or len(size) > MAX_DIMENSIONS:
            raise ValueError("a tensor whose size and strides disagree")
        _naturals(offset, *size, *strides)
        last = offset + sum((length - 1) * step for length, step in zip(size, strides, strict=True))
        if 0 not in size and last >= count:
            raise CheckpointError(f"a tensor reaches past the end of storage {shorten(key)}: damaged, {AGAIN}")
        self._spend(math.prod(size) * np.dtype(element.loaded).itemsize)
        array = np.empty(size, element.loaded)
        if array.size:
            self.loans[key].append(Loan(array, element, start + offset, strides))
        return array

    def _tensor_v2(self, storage, offset, size, strides, _requires_grad, _hooks, metadata=None) -> np.ndarray:
        if metadata:
            raise CheckpointError("holds a lazily conjugated or negated tensor: save its resolve_conj().resolve_neg()")
        return self._tensor(storage, offset, size, strides)

    def _tensor_v3(self, storage, offset, size, strides, _requires_grad, _hooks, dtype, metadata=None) -> np.ndarray:
        element = _element(dtype.name)  # of the tensor; the storage is untyped and counts bytes
        part = storage._replace(element=element, count=storage.count // np.dtype(element.stored).itemsize)
        if storage.start:
            raise ValueError("a view of an untyped storage")
        return self._tensor_v2(part, offset, size, strides, _requires_grad, _hooks, metadata)

    def _dict(self, items: Any = ()) -> dict:
        pairs = self._items(items.items() if isinstance(items, dict) else items)
        return {flat_key(key): value for key, value in pairs}

    def _set(self, items: Any = ()) -> set:
        return set(map(flat_key, self._items(items)))

    def _bytes(self, text: str, encoding: str) -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise TypeError("bytes written otherwise than by pickle")
        self._spend(len(text))
        return text.encode("latin1")

    def _items(self, items: Any) -> list:
        self._spend(64 * len(items))  # about what CPython takes for one item of a dict or set
        return list(items)

    def _spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise CheckpointError("unpacks to far more than its own size: not a checkpoint of weights, refused")


def _element(name: str) -> Element:
    """name: of a storage class or dtype, e.g. 'torch.cuda.FloatStorage' or 'torch.uint16'."""
    short = name.rpartition(".")[2]
    if short not in ELEMENTS:
        raise CheckpointError(f"holds tensors of type {shorten(short)}, which numpy lacks: save them as float32")
    return ELEMENTS[short]


def _naturals(*numbers: object) -> None:
    if any(type(number) is not int or number < 0 for number in numbers):
        raise TypeError("a count, an offset, a size or a stride that is no natural number")
