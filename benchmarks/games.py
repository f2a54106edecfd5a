"""What is played for the clock: shipped configs at a batch that suits a CPU, and where everybody begins."""

import dataclasses
from collections.abc import Mapping, Sequence
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
from akd_jax.errors import InputError
from akd_jax.experiment import Experiment, build
from akd_jax.families import family_of
from akd_jax.models import MODELS, make_classifier
from akd_jax.normalisation import NORMALISATIONS
from akd_jax.task import Task
from akd_jax.types import AKDState, Array, Variables


class Game(NamedTuple):
    """config: of --config. settings: what is not as there; all have one student."""

    config: str
    settings: Mapping[str, Any]


EVALUATED, EVALUATION_BATCH, SAMPLED = 512, 256, 256
"""Images."""

ROUNDS = 2
"""That are timed, and compared, together: so many that rounds are a loop, and that players meet who have moved."""

KEY = 7

GAMES = {
    "seed": Game("akd", {"batch_size": 4, "students": ("resnet18_8x",)}),
    "dfad": Game("dfad", {"batch_size": 8}),
    "fast": Game(
        "fast:five",
        {
            "batch_size": 8,
            "fast.student_steps": 10,
            "fast.adversarial_from": 0.0,  # as in most of a run
            "fast.reset_at": 1.0,
            "student_optimizer.schedule": "constant",  # as PyTorch's side has it
            "schedule.filling": 0,
        },
    ),
    "tiny": Game(
        "akd:digits",
        {
            "batch_size": 8,
            # Not w4: without AVX512, channels-last gradients of 4 channels corrupt PyTorch 2.13's memory.
            "students": ("resnet10_8x_w8",),
            "adversarial.student_steps": 3,
            "student_optimizer.schedule": "constant",  # as PyTorch's side has it
            "generator_optimizer.schedule": "constant",
            "compilation.options": ("xla_backend_optimization_level=0",),  # quick to compile, and slow
        },
    ),
    "tiny_fast": Game(
        "methods:digits_fast",
        {
            "batch_size": 8,
            "fast.synthesis_steps": 2,
            "fast.student_steps": 3,
            "fast.bank_capacity": 64,
            "fast.adversarial_from": 0.0,
            "student_optimizer.schedule": "constant",
            "generator_optimizer.schedule": "constant",
            "schedule.filling": 0,
            "compilation.options": ("xla_backend_optimization_level=0",),
        },
    ),
}
"""Name -> game; those that are tiny are for the tests of the benchmark itself."""


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


def check_known(names: Sequence[str]) -> None:
    """Raises InputError for a name of no game, as --games gives it."""
    for name in names:
        if name not in GAMES:
            raise InputError(f"--games {name}: unknown; give some of {','.join(GAMES)}")


def times(config: Config) -> dict[str, int]:
    """Phase -> how often it is played for one sample, by every variant."""
    return {"student_step": student_steps(config), "generator_step": ROUNDS, "round": ROUNDS}


def student_steps(config: Config) -> int:
    """In a round."""
    return getattr(config, family_of(config).group).student_steps


def has_bank(config: Config) -> bool:
    """Whether the round's generator step is a synthesis, which is before the student steps."""
    return family_of(config).keeps


def in_order(config: Config) -> list[str]:
    """The steps of a round."""
    students = ["student_step"] * student_steps(config)
    return ["generator_step", *students] if has_bank(config) else [*students, "generator_step"]


def lay(config: Config) -> Table:
    """As training does, but for the teacher, which nobody has to have trained for its speed to be measured."""
    experiment = experiment_of(config)
    begin = jax.jit(partial(beginning, config, experiment), compiler_options=dict(QUICK_TO_COMPILE))
    return Table(config, experiment, *begin())


def experiment_of(config: Config) -> Experiment:
    return build(config, task_of(config), teacher=config.teacher.arch)


def task_of(config: Config) -> Task:
    """Of as many classes and channels as the config's data have."""
    classes, constants = (10, "digits") if config.evaluation.data == "digits" else (100, "cifar100")
    mean, std = NORMALISATIONS[constants]
    return Task(classes, len(mean), mean, std)


def beginning(config: Config, experiment: Experiment) -> tuple[AKDState, Variables, Variables]:
    """(state, the teacher as loaded, and as frozen), all of them random numbers."""
    state = experiment.method.init(jax.random.key(config.seed))
    classes = next(iter(state.students.values())).params["fc"]["bias"].shape[0]
    teacher = make_classifier(config.teacher.arch, classes, image_size=config.image_size)
    images, _ = experiment.generator.apply(
        state.generator.variables, jnp.zeros((1, config.generator.latents)), train=False
    )
    loaded = teacher.init(jax.random.key(config.seed + 1), images)
    return state, loaded, experiment.freeze(loaded)


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


def arguments(table: Table) -> tuple[AKDState, Variables, Array]:
    """Of any step of the game."""
    return table.state, table.teacher_variables, jax.random.key(KEY)


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
    group = family_of(config).group
    own = dataclasses.replace(getattr(config, group), student_steps=2)
    return dataclasses.replace(config, dtype="float32", batch_size=2, **{group: own})


def comparable(config: Config, losses: list[float]) -> list[float]:
    """Of each round's two losses, the student steps' first, those that say whether two variants play the same game.

    With a bank not the students' of later rounds: a synthesis' Adam makes moves of gradients that are rounding alone,
    and some pixels of the bank are then rounded the other way (19 of 12,288 of "fast"): 3e-4 of these losses, which on
    the same pixels agree to 1e-12.
    """
    return [loss for i, loss in enumerate(losses) if not (has_bank(config) and i > 0 and i % 2 == 0)]
