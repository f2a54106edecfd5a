"""What the name of a split means: `test`, `test[:20%]`, `train[90%:]+test`, or `seed:20%`."""

import re
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from akd_jax.errors import InputError

SEED = re.compile(r"seed:(\d+(?:\.\d+)?)%")
FORMS = "a slice such as test[:20%] or test[100:200], a sum such as train[90%:]+test, or seed:20%"


class Term(NamedTuple):
    """positions: int [n], of images in `split`: in its archive's order if `official`, else as it is read."""

    split: str
    positions: np.ndarray
    official: bool = False


def _split_name(text: str) -> str:
    return "test" if SEED.fullmatch(text) else text.partition("[")[0]


def select(what: str, spec: str, sizes: dict[str, int]) -> list[Term]:
    """The images of `spec`, in its order. sizes: split -> images in it. what: for the message.

    Slices are those of tensorflow-datasets. `seed:20%` is the seed project's subset of the test images,
    `default_rng(42).choice(range(N), int(N * 0.2), replace=False)`.
    Raises InputError for a split that is not there, for anything malformed and for a term without images.
    """
    terms = [term for text in spec.split("+") for term in _terms(what, text.strip(), sizes)]
    if not all(len(term.positions) for term in terms):
        raise InputError(f"split {spec!r} of {what} has a part without images")
    return terms


def _terms(what: str, text: str, sizes: dict[str, int]) -> list[Term]:
    if text in sizes:
        return [Term(text, np.arange(sizes[text]))]
    name = _split_name(text)
    if name not in sizes and name != "all":
        raise InputError(f"{what} has no split {name!r}: give {', '.join([*sizes, FORMS])}")
    try:
        return [_seed(sizes["test"], float(found[1]))] if (found := SEED.fullmatch(text)) else _slices(text, sizes)
    except (ValueError, NotImplementedError, AttributeError):  # the last for shards, which only files have
        raise InputError(f"split {text!r} of {what} cannot be read for {sizes}: give {FORMS}") from None


def _seed(count: int, percent: float) -> Term:
    if percent > 100:
        raise ValueError("more than all images")
    chosen = np.random.default_rng(42).choice(range(count), int(count * (percent / 100)), replace=False)
    return Term("test", chosen, official=True)


def _slices(text: str, sizes: dict[str, int]) -> list[Term]:
    from tensorflow_datasets.core.splits import AbstractSplit  # half a second, for those who give a slice

    infos = {name: SimpleNamespace(num_examples=size) for name, size in sizes.items()}
    return [
        Term(found.splitname, np.arange(sizes[found.splitname])[found.from_ : found.to])
        for found in AbstractSplit.from_spec(text).to_absolute(infos)
    ]
