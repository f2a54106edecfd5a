"""What the name of a split means: `test`, `test[:20%]`, `train[90%:]+test`, or `seed:20%`."""

import re
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from akd_jax.errors import InputError

SEED = re.compile(r"seed:(\d+(?:\.\d+)?)%")
BOUND = r"(-?\d+|-?\d+(\.\d+)?%)?"
SLICE = re.compile(rf"\[(?!:\]){BOUND}:{BOUND}\]")


class Term(NamedTuple):
    """positions: int [n], of images in `split`: in its archive's order if `official`, else as it is read."""

    split: str
    positions: np.ndarray
    official: bool = False


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
    if text == "all":
        return [Term(name, np.arange(size)) for name, size in sizes.items()]
    if text.startswith("seed:"):
        return [_seed(what, text, sizes)]
    name, bracket, rest = text.partition("[")
    if name == "all":
        raise InputError(f"split {text!r} of {what}: all is not sliced; give {_forms(sizes)}")
    if name not in sizes:
        raise InputError(f"{what} has no split {name!r}: give {', '.join([*sizes, _forms(sizes)])}")
    try:
        return [Term(name, _slice(bracket + rest, sizes[name]))]
    except (ValueError, AttributeError):  # the last for shards, which only files have
        raise InputError(
            f"split {text!r} of {what}: {_fault(bracket + rest, sizes[name])}; give {_forms(sizes)}"
        ) from None


def _seed(what: str, text: str, sizes: dict[str, int]) -> Term:
    if not (found := SEED.fullmatch(text)) or not (percent := float(found[1])) <= 100:
        raise InputError(f"split {text!r} of {what}: wanted seed:PERCENT% with 0 to 100, e.g. seed:20%")
    if "test" not in sizes:
        raise InputError(
            f"{what} has no split 'test', of which {text} is a part: give {', '.join([*sizes, _forms(sizes)])}"
        )
    count = sizes["test"]
    chosen = np.random.default_rng(42).choice(range(count), int(count * (percent / 100)), replace=False)
    return Term("test", chosen, official=True)


def _forms(sizes: dict[str, int]) -> str:
    """What may be given besides the names, of splits that are there."""
    name = "test" if "test" in sizes else next(iter(sizes))
    seed = ", or seed:20%" if name == "test" else ""
    return f"a slice such as {name}[:20%] or {name}[100:200], a sum such as {name}[:5%]+{name}[90%:]{seed}"


def _slice(text: str, size: int) -> np.ndarray:
    from tensorflow_datasets.core.splits import AbstractSplit  # half a second, for those who give a slice

    (found,) = AbstractSplit.from_spec(f"split{text}").to_absolute({"split": SimpleNamespace(num_examples=size)})
    return np.arange(size)[found.from_ : found.to]


def _fault(text: str, size: int) -> str:
    """Why it is no slice."""
    if not text.endswith("]"):
        return "']' is missing"
    if text.count(":") > 1:
        return "steps are not read"
    if not SLICE.fullmatch(text):
        return "wanted [FROM:TO], each a whole number or a percentage, or one of them"
    return f"reaches beyond its {size} images"
