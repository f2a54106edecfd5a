"""The state dict in what a checkpoint holds, wherever it hides."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from akd_jax.convert.reader import module_state_dict
from akd_jax.convert.unpickle import CheckpointError, Inert, shorten

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.")
BOOKKEEPING = ("num_batches_tracked", "n_averaged")
DEPTH = 2  # a lightning module's {"model": {"state_dict": ...}}; optimizers keep their tensors deeper
MOST_NAMED = 20
MOST_PLACES = 300


class Found(NamedTuple):
    """A state dict, and the key that it lies under: 'ema', 'model.state_dict', or '' at the root."""

    key: str
    tensors: dict[str, np.ndarray]


def find_state_dict(checkpoint: Any, key: str | None = None) -> Found:
    """The one state dict in what `read_checkpoint` gave, at its root or up to DEPTH keys below; or that under `key`.

    A pickled nn.Module counts as its state dict. Prefixes that every name has are taken off, bookkeeping that no
    inference needs is dropped. Raises CheckpointError where there is none, or several.
    """
    root = _mapping(checkpoint)
    if root is None:
        raise CheckpointError(f"holds a {type(checkpoint).__name__}: save model.state_dict() instead")
    if key is not None and (named := _mapping(_under(root, key))) is not None:
        return Found(key, _cleaned(named, key))
    likely = [place for place, content in _places(root) if _holds_weights(content)]
    if key is not None:
        raise CheckpointError(f"has no state dict under {key!r}; it has {_listed([*filter(None, likely)] or root)}")
    if not likely:
        raise CheckpointError(f"holds no weights; it has {_listed(root)}; --key names where a state dict is")
    if likely[0] and likely[1:]:
        raise CheckpointError(
            f"holds {len(likely)} state dicts: pick one with --key {' or '.join(map(shorten, likely[:MOST_NAMED]))}"
        )
    return Found(likely[0], _cleaned(_mapping(_under(root, likely[0])), likely[0]))


def _under(content: Any, key: str) -> Any:
    """What lies under the dotted key, whose names may have dots too; the content itself under ""; None for nothing."""
    if not key:
        return content
    mapping = _mapping(content) or {}
    if key in mapping:
        return mapping[key]
    inner = (name for name in mapping if isinstance(name, str) and key.startswith(f"{name}."))
    return next((_under(mapping[name], key.removeprefix(f"{name}.")) for name in inner), None)


def _places(root: dict) -> list[tuple[str, dict]]:
    """(dotted key, dict) of everything that has keys, from the root down to DEPTH below.

    Raises CheckpointError for more than any checkpoint has, which one that shares its parts can pretend to.
    """
    places = list(islice(_walk(root, "", DEPTH, {}), MOST_PLACES + 1))
    if len(places) > MOST_PLACES:
        raise CheckpointError(f"holds over {MOST_PLACES} dicts: --key names the one that is the state dict")
    return places


def _walk(content: Any, place: str, depth: int, flat: dict[int, dict | None]) -> Iterator[tuple[str, dict]]:
    """flat: id of a content -> its mapping, since a module takes long to flatten and may be there many times."""
    if id(content) not in flat:
        try:
            flat[id(content)] = _mapping(content)
        except CheckpointError:  # a module that cannot be flattened may lie beside a state dict that is good
            flat[id(content)] = None
    mapping = flat[id(content)]
    if mapping is None:
        return
    yield place, mapping
    if depth and not _holds_weights(mapping):
        for name, inner in mapping.items():
            if isinstance(name, str):
                yield from _walk(inner, f"{place}.{name}" if place else name, depth - 1, flat)


def _mapping(content: Any) -> dict | None:
    if isinstance(content, Inert):
        if isinstance(content.state, dict) and "_modules" in content.state:
            return module_state_dict(content)
        return content.mapping or None  # of a class of its own that behaves as a dict
    return content if isinstance(content, dict) else None


def _holds_weights(mapping: dict) -> bool:
    """Optimizers and metrics keep tensors too, but under no such name; a loss has weights of one axis."""
    return any(
        isinstance(name, str) and name.endswith("weight") and isinstance(value, np.ndarray) and value.ndim > 1
        for name, value in mapping.items()
    )


def _cleaned(mapping: dict, key: str) -> dict[str, np.ndarray]:
    tensors = {
        name: value
        for name, value in mapping.items()
        if isinstance(name, str) and isinstance(value, np.ndarray) and name.split(".")[-1] not in BOOKKEEPING
    }
    if not tensors:
        raise CheckpointError(f"has no tensors under {key!r}; it has {_listed(mapping)} there")
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def _listed(names: Any) -> str:
    shown = [shorten(name) for name in list(names)[:MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "") or "nothing"
