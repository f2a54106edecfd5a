"""PyTorch's names and layouts to ours: a state dict becomes `Variables` of a known network.

Our modules carry PyTorch's names, so the way is a rename of each key ('layer1.0.conv1.weight' is
layer1_0/conv1/kernel) and a transpose of each kernel.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from akd_jax.convert.reader import module_state_dict
from akd_jax.convert.unpickle import CheckpointError, Inert
from akd_jax.types import Variables

WRAPPERS = ("state_dict", "model_state_dict", "net", "model")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
IGNORED = ("num_batches_tracked",)
# The same layers under the names of DFAD and of kuangliu's and akamaster's CIFAR repositories.
SYNONYMS = (("shortcut.", "downsample."), ("linear.", "fc."))


def find_state_dict(checkpoint: Any, key: str | None = None) -> dict[str, np.ndarray]:
    """The state dict in what `read_checkpoint` gave: at the root, under one of WRAPPERS, or under `key`.

    Prefixes that every name has are taken off, bookkeeping that no inference needs is dropped.
    Raises CheckpointError where there is none.
    """
    if isinstance(checkpoint, Inert):
        checkpoint = module_state_dict(checkpoint)
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f"holds a {type(checkpoint).__name__}: save model.state_dict() instead")
    wanted = [key] if key else [wrapper for wrapper in WRAPPERS if isinstance(checkpoint.get(wrapper), dict)]
    if key and not isinstance(checkpoint.get(key), dict):
        raise CheckpointError(f"has no state dict under {key!r}; it has {', '.join(map(str, checkpoint))}")
    found = checkpoint[wanted[0]] if wanted else checkpoint
    tensors = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, np.ndarray)}
    if not tensors:
        raise CheckpointError(f"holds no weights at its root nor under {', '.join(WRAPPERS)}; try --key")
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return {name: value for name, value in tensors.items() if not name.endswith(IGNORED)}


def to_variables(state_dict: Mapping[str, np.ndarray], expected: Variables, dtype: Any = np.float32) -> Variables:
    """The state dict as `Variables` of the shapes of `expected` (arrays or jax.ShapeDtypeStruct).

    Raises CheckpointError with every missing, unexpected, mis-shaped and non-finite tensor in one message.
    """
    collections = {"params": expected.params, "batch_stats": expected.batch_stats}
    wanted = {path: leaf.shape for path, leaf in flatten_dict(collections).items()}
    found = {}
    unexpected = []
    for name, value in state_dict.items():
        path = _path(name, value.ndim)
        if path in wanted:
            found[path] = (name, _transposed(value))
        else:
            unexpected.append(f"{name} {list(value.shape)}")
    missing = [f"{torch_name(path)} {list(shape)}" for path, shape in wanted.items() if path not in found]
    shapes = [
        f"{name} is {list(value.shape)}, wanted {list(wanted[path])} (both as JAX lays them out)"
        for path, (name, value) in found.items()
        if value.shape != wanted[path]
    ]
    broken = [name for name, value in found.values() if not np.isfinite(value).all()]
    broken += [name for path, (name, value) in found.items() if path[-1] == "var" and (value <= 0).any()]
    problems = {
    "missing": missing, "unexpected": unexpected, "of another shape": shapes,
    "not finite, or a variance not above 0": broken,
  }  # fmt: skip
    if any(problems.values()):
        text = "; ".join(f"{what}: {', '.join(names)}" for what, names in problems.items() if names)
        raise CheckpointError(f"does not fit the network: {text}")
    arrays = {path: np.asarray(value, dtype) for path, (_, value) in found.items()}
    return Variables(**unflatten_dict(arrays))


def torch_name(path: tuple[str, ...]) -> str:
    """('params', 'layer1_0', 'downsample_bn', 'scale') -> 'layer1.0.downsample.1.weight'."""
    *modules, leaf = path[1:]
    leaf = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}.get(leaf, leaf)
    modules = [_MODULES_BACK.get(module) or re.sub(r"_(\d)", r".\1", module) for module in modules]
    return ".".join([*modules, leaf])


_MODULES = {"downsample.0": "downsample_conv", "downsample.1": "downsample_bn"}
_MODULES_BACK = {ours: theirs for theirs, ours in _MODULES.items()}


def _path(name: str, rank: int) -> tuple[str, ...]:
    """'layer1.0.bn1.weight' of rank 1 -> ('params', 'layer1_0', 'bn1', 'scale')."""
    for theirs, ours in SYNONYMS:
        name = re.sub(rf"(^|\.){re.escape(theirs)}", rf"\g<1>{ours}", name)
    for theirs, ours in _MODULES.items():
        name = name.replace(theirs, ours)
    *modules, leaf = re.sub(r"\.(\d)", r"_\1", name).split(".")
    statistics = {"running_mean": "mean", "running_var": "var"}
    if leaf in statistics:
        return ("batch_stats", *modules, statistics[leaf])
    return ("params", *modules, {"weight": "kernel" if rank > 1 else "scale"}.get(leaf, leaf))


def _transposed(value: np.ndarray) -> np.ndarray:
    """Convolution OIHW -> HWIO, linear OI -> IO, vectors as they are."""
    return value.transpose({4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim, range(value.ndim)))
