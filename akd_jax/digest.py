"""The identity of a tree of arrays, whatever file or format they lie in."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


def of_tree(tree: Any) -> str:
    """ "sha256:..." of every array's path, type, shape and bytes, in the tree's order. Typed keys are arrays too."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        numbers = jax.random.key_data(leaf) if is_key(leaf) else leaf
        array = np.ascontiguousarray(numbers).reshape(np.shape(numbers))
        dtype = leaf.dtype if is_key(leaf) else array.dtype
        total.update(f"{jax.tree_util.keystr(path)} {dtype} {array.shape}\n".encode())
        total.update(array.reshape(-1).view(np.uint8))
    return f"sha256:{total.hexdigest()}"


def kinds(tree: Any) -> dict[str, str]:
    """Path -> type and shape of each array, e.g. "step": "int32[]"."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def differing(saved: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Each array that two trees' kinds tell differently of, in words; "" if none."""
    return ", ".join(
        f"{path}: saved {saved.get(path, 'nothing')}, wanted {wanted.get(path, 'nothing')}"
        for path in sorted(saved.keys() | wanted.keys())
        if saved.get(path) != wanted.get(path)
    )


def is_key(leaf: Any) -> bool:
    """Whether it is an array of typed random keys, which NumPy does not have."""
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def of_json(values: Any) -> str:
    """ "sha256:..." of plain values, in whatever order their keys are."""
    return f"sha256:{hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()}"
