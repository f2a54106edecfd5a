"""What PyTorch repositories call the arrays of a network, and how PyTorch lays them out: both ways.

Our modules carry torchvision's names, so a canonical name is our path written in PyTorch's way: layer1_0/conv1/kernel
is 'layer1.0.conv1.weight'. A layout says what a family of repositories has instead. Nothing is ever renamed back: every
name of a network in a layout is listed, so a state dict either has it or not.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from akd_jax.convert.unpickle import CheckpointError, shorten
from akd_jax.errors import InputError
from akd_jax.types import Variables


class Layout(NamedTuple):
    """The names of one family of repositories.

    module: a top-level module, under its canonical name, that its networks have and others have not.
    rules: (pattern, what stands instead) in a canonical name, one after the other.
    """

    module: str
    rules: tuple[tuple[str, str], ...] = ()


LAYOUTS = {
    "torchvision": Layout("layer1"),  # and timm
    # DFAD, kuangliu/pytorch-cifar, akamaster/pytorch_resnet_cifar10.
    "cifar": Layout("layer1", ((r"\.downsample\.", ".shortcut."), (r"^fc\.", "linear."))),
    # weiaicunzai/pytorch-cifar100: a stem, and blocks, of counted layers, ReLUs included.
    "weiaicunzai": Layout(
        "layer1",
        (
            (r"\.conv1\.", ".residual_function.0."),
            (r"\.bn1\.", ".residual_function.1."),
            (r"\.conv2\.", ".residual_function.3."),
            (r"\.bn2\.", ".residual_function.4."),
            (r"\.downsample\.", ".shortcut."),
            (r"^conv1\.", "conv1.0."),
            (r"^bn1\.", "conv1.1."),
            *((rf"^layer{stage}\.", f"conv{stage + 1}_x.") for stage in range(1, 5)),
        ),
    ),
    "repdistiller": Layout("block1"),  # wide ResNets and VGGs, as in mdistiller and zju-vipa's repositories
    "dfad": Layout("conv_blocks1"),  # generators
    "cmi": Layout("conv_blocks"),
}
"""name -> Layout; the first that fits a network is the usual one for it."""

SCALED_AFTERWARDS = {"cmi"}
"""Layouts of generators whose images are in 0..1 in PyTorch, and normalised by whoever uses them."""

Path = tuple[str, ...]
Shapes = Mapping[str, tuple[int, ...]]
"""PyTorch's name of every array -> its shape, as PyTorch has it."""

_MODULES = {"downsample_conv": "downsample.0", "downsample_bn": "downsample.1"}
_LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def layouts_of(variables: Variables) -> tuple[str, ...]:
    """The layouts that the network's arrays have names in; torchvision's, which renames nothing, for an unknown one."""
    modules = {_canonical(path).split(".")[0] for path in _flat(variables)}
    return tuple(name for name, layout in LAYOUTS.items() if layout.module in modules) or ("torchvision",)


def paths(variables: Variables, layout: str) -> dict[str, Path]:
    """PyTorch's name of every array, in the layout -> ('params' or 'batch_stats', module, ..., leaf).

    Raises InputError for a layout that is not of `layouts_of`.
    """
    if layout not in layouts_of(variables):
        raise InputError(f"the network has no names in layout {layout!r}: give {' or '.join(layouts_of(variables))}")
    names = {}
    for path in _flat(variables):
        name = _canonical(path)
        for pattern, instead in LAYOUTS[layout].rules:
            name = re.sub(pattern, instead, name)
        names[name] = path
    return names


def torch_shapes(expected: Variables, layout: str) -> Shapes:
    """PyTorch's name and shape of every array; expected: arrays or jax.ShapeDtypeStruct."""
    leaves = _flat(expected)
    return {name: _permuted(leaves[path].shape, _TO_TORCH) for name, path in paths(expected, layout).items()}


def to_state_dict(variables: Variables, layout: str) -> dict[str, np.ndarray]:
    """The network's arrays under PyTorch's names, as PyTorch lays them out: contiguous, of the same type.

    `num_batches_tracked`, which only training in PyTorch needs and Flax does not count, is not there. Raises InputError
    for a layout that is not of `layouts_of`.
    """
    leaves = jax.tree.map(np.asarray, _flat(variables))
    return {
        name: np.ascontiguousarray(_transposed(leaves[path], _TO_TORCH))
        for name, path in paths(variables, layout).items()
    }


def to_variables(
    state_dict: Mapping[str, np.ndarray], expected: Variables, layout: str, dtype: Any = np.float32
) -> Variables:
    """The state dict as `Variables` of the shapes of `expected` (arrays or jax.ShapeDtypeStruct).

    Arrays that have the type already are views of those given. Raises CheckpointError with every missing, unexpected,
    mis-shaped and unusable tensor in one message.
    """
    wanted = torch_shapes(expected, layout)
    differing = differences(shapes_of(state_dict), wanted)
    here = [name for name in state_dict if name in wanted]
    unreal = [name for name in here if state_dict[name].dtype.kind != "f"]
    with np.errstate(over="ignore"):  # a number that is too large becomes infinite, and is refused as such
        arrays = {name: np.asarray(state_dict[name], dtype) for name in here if name not in unreal}
    problems = {
        **differing,
        "not of floating numbers": [f"{name} ({state_dict[name].dtype})" for name in unreal],
        "not finite": [name for name, value in arrays.items() if not np.isfinite(value).all()],
        "variances not above 0": [n for n, value in arrays.items() if n.endswith("running_var") and (value <= 0).any()],
    }
    if any(problems.values()):
        raise CheckpointError(f"does not fit the network: {in_words(problems)}")
    places = paths(expected, layout)
    tree = unflatten_dict({places[name]: _transposed(value, _TO_JAX) for name, value in arrays.items()})
    return Variables(tree["params"], tree.get("batch_stats", {}))


def shapes_of(state_dict: Mapping[str, np.ndarray]) -> Shapes:
    """name -> shape, as PyTorch has it."""
    return {name: value.shape for name, value in state_dict.items()}


def differences(found: Shapes, wanted: Shapes) -> dict[str, list[str]]:
    """What to say of each tensor that only one side has, or both in different shapes, by kind."""
    return {
        "missing": [f"{name} {list(shape)}" for name, shape in wanted.items() if name not in found],
        "unexpected": [f"{shorten(name)} {list(shape)}" for name, shape in found.items() if name not in wanted],
        "of another shape": [
            f"{name} is {list(found[name])} instead of {list(shape)}"
            for name, shape in wanted.items()
            if name in found and found[name] != shape
        ],
    }


def in_words(problems: Mapping[str, list[str]], most: int | None = None) -> str:
    """'2 missing: a, b; 9 unexpected: c, d and 7 more': of each kind all, or `most`."""

    def listed(names: list[str]) -> str:
        rest = len(names[most:]) if most else 0
        return ", ".join(names[:most]) + (f" and {rest} more" if rest else "")

    return "; ".join(f"{len(names)} {kind}: {listed(names)}" for kind, names in problems.items() if names)


def nearest_layout(names: Iterable[str], expected: Variables) -> str:
    """The layout of the network with the most of its names among these, of a state dict; of equals the usual one."""
    return max(layouts_of(expected), key=lambda layout: len(paths(expected, layout).keys() & set(names)))


def _flat(variables: Variables) -> dict[Path, Any]:
    return flatten_dict({"params": variables.params, "batch_stats": variables.batch_stats})


def _canonical(path: Path) -> str:
    """('params', 'layer1_0', 'downsample_bn', 'scale') -> 'layer1.0.downsample.1.weight'."""
    *modules, leaf = path[1:]
    modules = [_MODULES.get(module) or re.sub(r"_(\d)", r".\1", module) for module in modules]
    return ".".join([*modules, _LEAVES.get(leaf, leaf)])


# Axes by rank: convolution HWIO and OIHW, linear IO and OI; vectors stay.
_TO_TORCH = {4: (3, 2, 0, 1), 2: (1, 0)}
_TO_JAX = {4: (2, 3, 1, 0), 2: (1, 0)}


def _permuted(shape: tuple[int, ...], axes: Mapping[int, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in axes.get(len(shape), range(len(shape))))


def _transposed(value: np.ndarray, axes: Mapping[int, tuple[int, ...]]) -> np.ndarray:
    return value.transpose(axes.get(value.ndim, range(value.ndim)))
