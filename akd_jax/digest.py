"""The identity of a tree of arrays, whatever file or format they lie in."""

import hashlib
from typing import Any

import jax
import numpy as np


def of_tree(tree: Any) -> str:
    """ "sha256:..." of every array's path, type, shape and bytes."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        total.update(array.tobytes())
    return f"sha256:{total.hexdigest()}"
