"""Which network of the project a state dict is of: by the names and shapes of its tensors."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax.convert.layouts import Shapes, differences, in_words, nearest_layout, torch_shapes
from akd_jax.convert.unpickle import CheckpointError
from akd_jax.models import MODELS
from akd_jax.types import Variables

STEMS = ("conv1.weight", "conv1.0.weight", "block0.0.weight")
HEADS = ("fc.weight", "linear.weight", "classifier.weight")
UNKNOWN = 1  # a network without its first or last layer is compared as one of this many, and lacks the layer then
COMPARED = 3  # of the networks that are alike in their stages; each costs up to a second to look at
NAMED = 3


class Fit(NamedTuple):
    """How shapes compare with a network's. problems: kind -> what to say of each tensor, none where it fits."""

    arch: str
    layout: str
    problems: dict[str, list[str]]

    @property
    def exact(self) -> bool:
        return not any(self.problems.values())


def recognise(shapes: Shapes) -> Fit:
    """The one network and layout with these names and shapes, for as many classes and channels as they say.

    Raises CheckpointError where none fits, which names the nearest and how it differs, or where several do.
    """
    fits = nearest(shapes)
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


def nearest(shapes: Shapes) -> list[Fit]:
    """The shapes compared with those of the networks whose stages are most like theirs."""
    found = stages_of(shapes)
    ranked = sorted(MODELS, key=lambda arch: _distance(found, MODELS[arch].stages))
    same = [arch for arch in ranked if MODELS[arch].stages == found]
    classes, channels = classes_of(shapes), channels_of(shapes)
    return [compare(shapes, arch, variable_shapes(arch, classes, channels)) for arch in same or ranked[:COMPARED]]


def compare(shapes: Shapes, arch: str, expected: Variables) -> Fit:
    """With the arrays of one network, in the layout that is nearest."""
    layout = nearest_layout(shapes, expected)
    return Fit(arch, layout, differences(shapes, torch_shapes(expected, layout)))


def in_short(shapes: Shapes) -> str:
    """'3 stages of 3 blocks, widths 16, 32, 64, 3x3 stem, no shortcut weights'; no batch norms are said too."""
    stages = stages_of(shapes)
    sizes = [str(size) for size, _ in stages]
    blocks = sizes[0] if len(set(sizes)) == 1 else ", ".join(sizes)
    widths = ", ".join(str(width) for _, width in stages)
    shortcuts = sum(len(shape) == 4 and shape[-1] == 1 for shape in shapes.values())
    sides = f"{shortcuts} shortcut convolutions" if shortcuts else "no shortcut weights"
    stem = f"{stem_of(shapes)}x{stem_of(shapes)} stem"
    norms = "" if any(name.endswith(".running_mean") for name in shapes) else ", no batch norms"
    return f"{len(stages)} stages of {blocks} blocks, widths {widths}, {stem}, {sides}{norms}"


def stages_of(shapes: Shapes) -> tuple[tuple[int, int], ...]:
    """(blocks, channels) of each stage, as `Model.stages` has them.

    A stage is a top-level module of numbered ones: layer1.0, conv2_x.0, block1.layer.0, or block0.0, block0.3 in a VGG.
    """
    stages: dict[str, dict[str, int]] = {}
    for name in sorted(shapes):
        stage, *inner = name.split(".")
        block = next((part for part in inner if part.isdigit()), None)
        if block and len(shapes[name]) == 4 and stage != "conv1":  # that is a stem
            stages.setdefault(stage, {})[block] = shapes[name][0]
    return tuple((len(blocks), max(blocks.values())) for blocks in stages.values())


def classes_of(shapes: Shapes) -> int:
    """As many as the last layer has outputs; UNKNOWN without one."""
    return next((shapes[name][0] for name in HEADS if len(shapes.get(name, ())) == 2), 0) or UNKNOWN


def channels_of(shapes: Shapes) -> int:
    """As many as the first layer takes of an image; UNKNOWN without one."""
    return next((shapes[name][1] for name in STEMS if len(shapes.get(name, ())) == 4), 0) or UNKNOWN


def stem_of(shapes: Shapes) -> int:
    """The side of the first layer's kernel; 0 without one."""
    return next((shapes[name][-1] for name in STEMS if len(shapes.get(name, ())) == 4), 0)


@cache
def variable_shapes(arch: str, classes: int, channels: int) -> Variables:
    """The shapes of such a network's arrays. No network's arrays depend on the size of its images."""
    images = jax.ShapeDtypeStruct((1, 32, 32, channels), jnp.float32)
    return jax.eval_shape(MODELS[arch].network(classes).init, jax.random.key(0), images)


def _distance(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> tuple[int, int, int]:
    """Stages too many or too few, then other channels, then blocks too many or too few."""
    pairs = list(zip(one, other, strict=False))
    channels = sum(a[1] != b[1] for a, b in pairs)
    return abs(len(one) - len(other)), channels, sum(abs(a[0] - b[0]) for a, b in pairs)
