"""What is played for the clock: shipped configs at a batch that suits a CPU, and where everybody begins."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.cli.config_files import ConfigParser
from akd_jax.compilation import QUICK_TO_COMPILE
from akd_jax.config import Config
from akd_jax.config_dict import from_dict
from akd_jax.convert.layouts import layouts_of, to_state_dict
from akd_jax.experiment import Experiment, build, initial_state
from akd_jax.models import MODELS, make_classifier
from akd_jax.normalisation import NORMALISATIONS
from akd_jax.teacher import TeacherInfo
from akd_jax.types import AKDState, Array, Variables


class Game(NamedTuple):
    """config: of --config. settings: what is not as there; all have one student."""

    config: str
    settings: Mapping[str, Any]


GAMES = {
    "seed": Game("akd", {"batch_size": 4, "students": ("resnet18_8x",)}),
    "dfad": Game("dfad", {"batch_size": 8}),
    # For the tests of the benchmark itself.
    "tiny": Game(
        "akd:digits",
        {
            "batch_size": 8,
            "students": ("resnet10_8x_w4",),
            "adversarial.student_steps": 3,
            "student_optimizer.schedule": "constant",  # as PyTorch's side has it
            "generator_optimizer.schedule": "constant",
        },
    ),
}


class Table(NamedTuple):
    """A game laid out: its functions, its players as they begin, and a teacher with random weights.

    loaded: the teacher as a file would have it; teacher_variables: as the experiment's teacher takes them.
    """

    config: Config
    experiment: Experiment
    state: AKDState
    loaded: Variables
    teacher_variables: Variables


def config_of(game: str, **changes: Any) -> Config:
    """changes: full keys with __ for dots."""
    settings = ConfigParser("config").parse(GAMES[game].config)
    for key, value in {**GAMES[game].settings, **{key.replace("__", "."): v for key, v in changes.items()}}.items():
        settings.update_from_flattened_dict({key: value})
    return from_dict(settings.to_dict())


def lay(config: Config) -> Table:
    """As training does, but for the teacher, which nobody has to have trained for its speed to be measured."""
    channels = 1 if "digits" in config.name else 3
    constants = NORMALISATIONS["digits" if channels == 1 else "cifar100"]
    classes = 10 if channels == 1 else 100
    info = TeacherInfo(
        config.teacher.arch, classes, channels, *constants, parameters=0, source="", source_digest="", digest=""
    )
    experiment = build(config, info)
    images = jnp.zeros((1, config.image_size, config.image_size, channels))
    teacher = make_classifier(info.arch, classes, image_size=config.image_size)
    init = jax.jit(teacher.init, compiler_options=dict(QUICK_TO_COMPILE))
    loaded = init(jax.random.key(config.seed + 1), images)
    state = initial_state(experiment, jax.random.key(config.seed))
    return Table(config, experiment, state, loaded, experiment.freeze(loaded))


def write_start(table: Table, directory: Path) -> None:
    """The weights that everybody begins with, under PyTorch's names: teacher.npz, student.npz, generator.npz."""
    (student,) = table.state.students.values()
    for name, variables in {
        "teacher": table.loaded,
        "student": student.variables,
        "generator": table.state.generator.variables,
    }.items():
        arrays = jax.tree.map(np.asarray, variables)
        np.savez(directory / f"{name}.npz", **to_state_dict(arrays, layouts_of(arrays)[0]))


def latents_of_round(table: Table, key: Array) -> list[Array]:
    """The latents [B, Z] of every step of the round that the method plays with this key, the generator step's last."""
    students_key, generator_key = jax.random.split(key)
    keys = [*jax.random.split(students_key, table.config.adversarial.student_steps), generator_key]
    shape = (table.config.batch_size, table.config.generator.latents)
    return [jax.random.normal(each, shape) for each in keys]


def images_of(table: Table, count: int) -> jax.ShapeDtypeStruct:
    """The shape of that many images, [count, H, W, C], of the generator."""
    return jax.eval_shape(partial(table.experiment.method.sample, num=count), table.state, jax.random.key(0))


def teacher_size(config: Config) -> int | None:
    """To which the teacher's images are enlarged, None where they are not."""
    size = MODELS[config.teacher.arch].input_size
    return size if size != config.image_size else None


def in_float64(table: Table) -> Table:
    """With everything that is a floating-point number in float64, where x64 is on."""

    def wide(leaf):
        return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    state, loaded = jax.tree.map(wide, (table.state, table.loaded))
    return table._replace(state=state, loaded=loaded, teacher_variables=table.experiment.freeze(loaded))


def smaller(config: Config) -> Config:
    """The same game with so few steps and images that it can be played in float64."""
    return dataclasses.replace(
        config, batch_size=2, adversarial=dataclasses.replace(config.adversarial, student_steps=2)
    )
