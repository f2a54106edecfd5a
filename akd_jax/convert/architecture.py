"""Which network of the project a state dict is of: by the names and shapes of its tensors."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.convert.layouts import differences, in_words, nearest_layout, shapes_of, torch_shapes
from akd_jax.convert.unpickle import CheckpointError
from akd_jax.models import MODELS
from akd_jax.types import Variables

STEMS = ("conv1.weight", "conv1.0.weight", "block0.0.weight")
HEADS = ("fc.weight", "linear.weight", "classifier.weight")
COMPARED = 3  # of the networks that are alike in their stages; each costs up to a second to look at
NAMED = 3


class Fit(NamedTuple):
    """How a state dict compares with a network. problems: kind -> what to say of each tensor, none where it fits."""

    arch: str
    layout: str
    problems: dict[str, list[str]]

    @property
    def exact(self) -> bool:
        return not any(self.problems.values())


def recognise(state_dict: Mapping[str, np.ndarray]) -> Fit:
    """The one network and layout with the state dict's names and shapes, for as many classes and channels as it has.

    Raises CheckpointError where none fits, which names the nearest and how it differs, or where several do.
    """
    fits = nearest(state_dict)
    exact = [fit for fit in fits if fit.exact]
    if len(exact) == 1:
        return exact[0]
    if exact:
        raise CheckpointError(
            f"fits {' and '.join(fit.arch for fit in exact)} alike: give --arch; --data shows whether it was right"
        )
    best = min(fits, key=lambda fit: sum(map(len, fit.problems.values())))
    raise CheckpointError(
        f"fits no network of the project; the nearest is {best.arch} (layout {best.layout}), which differs: "
        f"{in_words(best.problems, NAMED)}"
    )


def nearest(state_dict: Mapping[str, np.ndarray]) -> list[Fit]:
    """The state dict compared with the networks whose stages are most like its own."""
    found = stages_of(state_dict)
    ranked = sorted(MODELS, key=lambda arch: _distance(found, MODELS[arch].stages))
    same = [arch for arch in ranked if MODELS[arch].stages == found]
    classes, channels = sizes_of(state_dict)
    return [
        compare(state_dict, arch, variable_shapes(arch, classes or 10, channels or 3))
        for arch in same or ranked[:COMPARED]
    ]


def compare(state_dict: Mapping[str, np.ndarray], arch: str, expected: Variables) -> Fit:
    """With the arrays of one network, in the layout that is nearest."""
    layout = nearest_layout(state_dict, expected)
    return Fit(arch, layout, differences(shapes_of(state_dict), torch_shapes(expected, layout)))


def in_short(state_dict: Mapping[str, np.ndarray]) -> str:
    """'3 stages of 3 blocks, widths 16, 32, 64, 3x3 stem, no shortcut weights (option A)'."""
    stages = stages_of(state_dict)
    sizes = [str(size) for size, _ in stages]
    blocks = sizes[0] if len(set(sizes)) == 1 else ", ".join(sizes)
    widths = ", ".join(str(width) for _, width in stages)
    stem = next((state_dict[name].shape[-1] for name in STEMS if name in state_dict), 0)
    shortcuts = sum(value.ndim == 4 and value.shape[-1] == 1 for value in state_dict.values())
    sides = f"{shortcuts} shortcut convolutions" if shortcuts else "no shortcut weights (option A)"
    return f"{len(stages)} stages of {blocks} blocks, widths {widths}, {stem}x{stem} stem, {sides}"


def stages_of(state_dict: Mapping[str, np.ndarray]) -> tuple[tuple[int, int], ...]:
    """(blocks, channels) of each stage, as `Model.stages` has them.

    A stage is a top-level module of numbered ones: layer1.0, conv2_x.0, block1.layer.0, or block0.0, block0.3 in a VGG.
    """
    stages: dict[str, dict[str, int]] = {}
    for name in sorted(state_dict):
        stage, *inner = name.split(".")
        block = next((part for part in inner if part.isdigit()), None)
        if block and state_dict[name].ndim == 4 and stage != "conv1":  # that is a stem
            stages.setdefault(stage, {})[block] = len(state_dict[name])
    return tuple((len(blocks), max(blocks.values())) for blocks in stages.values())


def sizes_of(state_dict: Mapping[str, np.ndarray]) -> tuple[int | None, int | None]:
    """(classes, channels of the images), each None where the layer that tells is missing or of another rank."""
    classes = next((len(state_dict[n]) for n in HEADS if n in state_dict and state_dict[n].ndim == 2), None)
    channels = next((state_dict[n].shape[1] for n in STEMS if n in state_dict and state_dict[n].ndim == 4), None)
    return classes or None, channels or None


def variable_shapes(arch: str, classes: int, channels: int) -> Variables:
    """The shapes of such a network's arrays. No network's arrays depend on the size of its images."""
    images = jax.ShapeDtypeStruct((1, 32, 32, channels), jnp.float32)
    return jax.eval_shape(MODELS[arch].network(classes).init, jax.random.key(0), images)


def _distance(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> tuple[int, int, int]:
    """Stages too many or too few, then other channels, then blocks too many or too few."""
    pairs = list(zip(one, other, strict=False))
    channels = sum(a[1] != b[1] for a, b in pairs)
    return abs(len(one) - len(other)), channels, sum(abs(a[0] - b[0]) for a, b in pairs)
