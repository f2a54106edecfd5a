"""What a family of methods is, and what it is played on."""

from collections.abc import Callable
from typing import Any, NamedTuple

from akd_jax.config import Config
from akd_jax.task import Task
from akd_jax.types import Array


class Scene(NamedTuple):
    """What a method is played on.

    taught: whether there is a teacher. examples: how many labelled images there are. embeddings: [classes, D] from a
    file, None where the settings name none.
    """

    task: Task
    taught: bool
    examples: int
    embeddings: Array | None = None


class Family(NamedTuple):
    """group: the key of its own settings in a config.

    settings: (config, scene) -> its own arguments, from that group; may raise InputError.
    draws: whether it plays with a generator; a family without learns from labelled images.
    reads_statistics: whether it goes by the teacher's batch norms, which then must not be folded away.
    compares_stages: whether it compares stages of one height and width, which teacher and student then must have.
    compares_maps: whether, beside stages, also the maps before the last layer, all of one height and width.
    keeps: whether it keeps the images it makes, the best of several whole batches, in a bank: such batches are not
    played in parts, and students may sit out while it is filled.
    inverts: whether its latents are the pixels themselves, whatever generator the config has.
    """

    group: str
    settings: Callable[[Config, Scene], dict[str, Any]]
    draws: bool = True
    reads_statistics: bool = False
    compares_stages: bool = False
    compares_maps: bool = False
    keeps: bool = False
    inverts: bool = False


def counts(weight: float | Array) -> bool:
    """Whether a term of this weight is there; one that is traced, as an input of the program, is none of 0."""
    return isinstance(weight, Array) or weight > 0
