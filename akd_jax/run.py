"""One run's fixed facts, gathered and checked before anything is written or compiled for training."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import data, evaluate, teacher_files, workdir
from akd_jax.config import Config
from akd_jax.evaluate import Judge, Split
from akd_jax.experiment import Experiment, build, initial_state
from akd_jax.flops import count_flops
from akd_jax.models import parameter_count
from akd_jax.schedule import Dispatch, dispatches, rounds_by_turn
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
    def rounds_in_epoch(self) -> int:
        """Of all turns together."""
        return self.config.schedule.rounds_per_epoch * len(self.experiment.method.turns)

    @property
    def rounds_in_all(self) -> int:
        return self.rounds_in_epoch * self.config.schedule.epochs

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

    def spent(self, rounds: int) -> tuple[int, int]:
        """(images that the teacher was shown, floating-point operations) in the first `rounds` rounds."""
        turns = self.experiment.method.turns
        per_epoch = self.config.schedule.rounds_per_epoch
        played = rounds_by_turn(tuple(turns), rounds_per_epoch=per_epoch, played=rounds)
        images = sum(count * turns[name].images for name, count in played.items())
        return images, sum(count * self.flops[name] for name, count in played.items())


def prepare(config: Config, directory: Path, *, force: bool) -> tuple[Run, AKDState]:
    """(the run, its first state). Raises InputError for settings, a teacher or data that cannot be used."""
    info, teacher_variables = teacher_files.load(config.teacher)
    experiment = build(config, info)
    images = _load_splits(config, info)
    workdir.check(directory, config, info.digest, force=force)

    teacher_variables = jax.device_put(teacher_variables)
    init_key, game_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    state = initial_state(experiment, init_key)
    how = {"mean": info.mean, "std": info.std, "batch_size": config.evaluation.batch_size}
    teachers_logits = evaluate.predictor(experiment.teacher, **how)
    splits = {}
    for name, held in images.items():
        shown = jnp.asarray(held.images)
        splits[name] = Split(shown, jnp.asarray(held.labels), teachers_logits(teacher_variables, shown))
    run = Run(
        config=config,
        directory=directory,
        teacher=info,
        teacher_variables=teacher_variables,
        teacher_top1={name: round(float(evaluate.top1(s.teacher_logits, s.labels)), 6) for name, s in splits.items()},
        experiment=experiment,
        judge=evaluate.judge(experiment.students, splits, **how),
        splits=config.evaluation.splits if images else (),
        final_splits=config.evaluation.final_splits if images else (),
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        flops={
            name: count_flops(turn.round, state, teacher_variables, game_key)
            for name, turn in experiment.method.turns.items()
        },
        game_key=game_key,
        sample_key=sample_key,
    )
    return run, state


def _load_splits(config: Config, info: Teacher) -> dict[str, data.Images]:
    wanted = config.evaluation
    names = (*wanted.splits, *wanted.final_splits) if wanted.data else ()
    splits = {name: data.load(wanted.data, name, wanted.data_dir or None) for name in names}
    shape = (config.image_size, config.image_size, info.channels)
    for name, held in splits.items():
        data.check(held, f"evaluation.data: {wanted.data} {name}", shape=shape, classes=info.classes)
    return splits
