"""The Python 2 pickles of the CIFAR archives, read by our own machine: nothing that they name is imported or run."""

import io
from typing import Any

import numpy as np

from akd_jax.convert.unpickle import Inert, shorten, unpickle
from akd_jax.errors import InputError


def read_record(pickled: bytes) -> dict[str, Any]:
    """The dict: numbers, text as `str`, lists of both, and uint8 arrays. Raises InputError if it holds other things."""
    try:
        record = unpickle(io.BytesIO(pickled), {"_codecs.encode": lambda text, _: text}, _refuse)
        return {_value(key): _value(value) for key, value in record.items()}
    except Exception as error:  # the bytes are not trusted, so whatever they upset is their fault
        raise InputError(f"is not the pickle of a CIFAR archive ({shorten(error) or type(error).__name__})") from None


def _refuse(_identity: object) -> object:
    raise ValueError("a persistent id")


def _value(value: Any) -> Any:
    match value:
        case Inert(name="numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct"):
            return _array(*value.state)
        case list():
            return [_value(item) for item in value]
        case bytes():
            return value.decode("latin1")
        case str() | int() | float():
            return value
    raise ValueError(f"holds {value!r}")


def _array(_version: int, shape: tuple[int, ...], dtype: Inert, fortran: bool, content: str | bytes) -> np.ndarray:
    """What `ndarray.__setstate__` would make of it. content: a `str` of Python 2 arrives as Latin-1 text."""
    if dtype.args[0] != "u1":
        raise ValueError(f"an array of {dtype.args[0]}, wanted bytes")
    content = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")
