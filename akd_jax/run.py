"""One run's fixed facts, gathered and checked before anything slow starts or is written."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import data, evaluate, teacher, workdir
from akd_jax.config import Config, to_dict
from akd_jax.errors import InputError
from akd_jax.evaluate import Judge, Split
from akd_jax.experiment import Experiment, build
from akd_jax.flops import count_flops
from akd_jax.models import parameter_count
from akd_jax.schedule import Dispatch, dispatches
from akd_jax.teacher import Teacher
from akd_jax.types import AKDState, Array, Variables


class Run(NamedTuple):
    """flops: turn -> floating-point operations of one round. parameters: student -> how many.

    splits, final_splits: names that the judge knows; none without data.
    """

    config: Config
    directory: Path
    teacher: Teacher
    teacher_variables: Variables
    teacher_top1: dict[str, float]
    experiment: Experiment
    judge: Judge
    splits: tuple[str, ...]
    final_splits: tuple[str, ...]
    parameters: dict[str, int]
    flops: dict[str, int]
    game_key: Array
    sample_key: Array

    @property
    def rounds_per_epoch(self) -> int:
        """Of all turns together."""
        return self.config.schedule.rounds_per_epoch * len(self.experiment.method.turns)

    def plan(self, start: int) -> list[Dispatch]:
        """The dispatches from round `start` to the end."""
        schedule = self.config.schedule
        return list(
            dispatches(
                tuple(self.experiment.method.turns),
                epochs=schedule.epochs,
                rounds_per_epoch=schedule.rounds_per_epoch,
                rounds_per_dispatch=schedule.rounds_per_dispatch,
                start=start,
            )
        )


def prepare(config: Config, directory: Path, *, force: bool) -> tuple[Run, AKDState]:
    """(the run, its first state). Raises InputError for settings, a teacher or data that cannot be used."""
    info, teacher_variables = teacher.load(config.teacher)
    experiment = build(config, info)
    images = _load_splits(config, info)
    workdir.check(directory, to_dict(config), force=force)
    if (directory / teacher.INFO).exists() and teacher.read_info(directory).digest != info.digest and not force:
        raise InputError(f"{directory} holds a run against another teacher: take another --workdir, or --force")

    teacher_variables = jax.device_put(teacher_variables)
    init_key, game_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    state = initial_state(experiment, init_key)
    constants = {"mean": jnp.array(info.mean), "std": jnp.array(info.std)}
    splits = {
        name: _with_teacher(experiment, teacher_variables, held, config.evaluation.batch_size, constants)
        for name, held in images.items()
    }
    run = Run(
        config=config,
        directory=directory,
        teacher=info,
        teacher_variables=teacher_variables,
        teacher_top1={name: float(evaluate.top1(s.teacher_logits, s.labels)) for name, s in splits.items()},
        experiment=experiment,
        judge=evaluate.judge(experiment.students, splits, batch_size=config.evaluation.batch_size, **constants),
        splits=config.evaluation.splits if images else (),
        final_splits=config.evaluation.final_splits if images else (),
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        flops={
            name: count_flops(turn, state, teacher_variables, game_key)
            for name, turn in experiment.method.turns.items()
        },
        game_key=game_key,
        sample_key=sample_key,
    )
    return run, state


def initial_state(experiment: Experiment, key: Array) -> AKDState:
    """Fresh players. Random numbers take XLA:CPU long to optimise, and here each program of them runs once."""
    return jax.jit(experiment.method.init, compiler_options={"xla_backend_optimization_level": 0})(key)


def _load_splits(config: Config, info: Teacher) -> dict[str, data.Images]:
    wanted = config.evaluation
    names = (*wanted.splits, *wanted.final_splits) if wanted.data else ()
    splits = {name: data.load(wanted.data, name, wanted.data_dir or None) for name in names}
    shape = (config.image_size, config.image_size, info.channels)
    for name, held in splits.items():
        if held.images.shape[1:] != shape:
            raise InputError(
                f"evaluation.data: {wanted.data} {name} has images of {held.images.shape[1:]}, wanted {shape}: "
                "the game's image_size and the teacher's channels"
            )
        if held.labels.max() >= info.classes:
            raise InputError(
                f"evaluation.data: {wanted.data} {name} has the label {held.labels.max()}, "
                f"but the teacher knows {info.classes} classes, 0 to {info.classes - 1}"
            )
    return splits


def _with_teacher(experiment, teacher_variables, held: data.Images, batch_size: int, constants) -> Split:
    images = jnp.asarray(held.images)
    predicted = jax.jit(
        lambda variables, images: evaluate.predict(
            experiment.teacher, variables, images, batch_size=batch_size, **constants
        )
    )
    return Split(images, jnp.asarray(held.labels), predicted(teacher_variables, images))
