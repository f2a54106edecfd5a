"""One run's fixed facts, gathered and checked before anything is written or compiled for training."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import data, evaluate, teacher_files, tensorboard, workdir
from akd_jax.config import Config
from akd_jax.errors import DataMissing, InputError
from akd_jax.evaluate import Judge, Pool
from akd_jax.experiment import Experiment, build, initial_state, starting_from
from akd_jax.flops import count_flops
from akd_jax.models import parameter_count
from akd_jax.schedule import Dispatch, dispatches, rounds_by_turn
from akd_jax.teacher import Teacher
from akd_jax.types import AKDState, Array, Variables


class Run(NamedTuple):
    """flops: turn -> floating-point operations of one round. parameters: student -> how many.

    judge measures students on `splits`, final_judge on those that are read at the end; none without data, and then
    unmeasured says why.
    """

    config: Config
    directory: Path
    teacher: Teacher
    teacher_variables: Variables
    teacher_top1: dict[str, float]
    experiment: Experiment
    judge: Judge
    final_judge: Judge
    splits: tuple[str, ...]
    unmeasured: str
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
        images = sum(count * turns[name].teacher_queries for name, count in played.items())
        return images, sum(count * self.flops[name] for name, count in played.items())


def prepare(config: Config, directory: Path, *, force: bool) -> tuple[Run, AKDState]:
    """(the run, its first state). Raises InputError for settings, a teacher or data that cannot be used."""
    if config.tensorboard:
        tensorboard.check_installed()
    info, teacher_variables = teacher_files.load(config.teacher)
    experiment = build(config, info)
    starts = _load_starts(config, info, directory)
    workdir.check(directory, config, info.digest, force=force)
    held, held_at_end, unmeasured = _load_images(config, info)

    teacher_variables = jax.device_put(teacher_variables)
    init_key, game_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    state = starting_from(initial_state(experiment, init_key), starts)
    how = {"mean": info.mean, "std": info.std, "batch_size": config.evaluation.batch_size}
    teachers_logits = evaluate.predictor(experiment.teacher, **how)

    def pool(splits: data.Splits) -> Pool:
        images = jnp.asarray(splits.held.images)
        chosen = {name: jnp.asarray(indices) for name, indices in splits.indices.items()}
        return Pool(images, jnp.asarray(splits.held.labels), teachers_logits(teacher_variables, images), chosen)

    def judge(pool: Pool) -> Judge:
        return evaluate.judge(experiment.students, pool, **how)

    pools = [pool(splits) for splits in (held, held_at_end) if splits is not None]
    run = Run(
        config=config,
        directory=directory,
        teacher=info,
        teacher_variables=teacher_variables,
        teacher_top1={
            name: round(float(evaluate.top1(pool.teacher_logits[chosen], pool.labels[chosen])), 6)
            for pool in pools
            for name, chosen in pool.splits.items()
        },
        experiment=experiment,
        judge=judge(pools[0]) if pools else evaluate.abstain,
        final_judge=judge(pools[1]) if len(pools) > 1 else evaluate.abstain,
        splits=config.evaluation.splits if pools else (),
        unmeasured=unmeasured,
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        flops={
            name: count_flops(turn.round, state, teacher_variables, game_key)
            for name, turn in experiment.method.turns.items()
        },
        game_key=game_key,
        sample_key=sample_key,
    )
    return run, state


def _load_images(config: Config, info: Teacher) -> tuple[data.Splits | None, data.Splits | None, str]:
    """(what is measured after epochs, what is read at the end, why nothing is). Raises InputError."""
    wanted = config.evaluation
    if not wanted.data:
        return None, None, "no evaluation.data"
    try:
        held, held_at_end = (
            data.load_splits(wanted.data, names, wanted.data_dir or None) if names else None
            for names in (wanted.splits, wanted.final_splits)
        )
    except DataMissing as error:  # what is data-free can do without; what it cannot read, it refuses
        return None, None, str(error)
    shape = (config.image_size, config.image_size, info.channels)
    for splits in (held, held_at_end):
        if splits is not None:
            data.check(splits.held, f"evaluation.data: {wanted.data}", shape=shape, classes=info.classes)
    return held, held_at_end, ""


def _load_starts(config: Config, info: Teacher, directory: Path) -> dict[str, Variables]:
    """The weights that students begin with, of those that begin with any. Raises InputError."""
    if workdir.has_checkpoint(directory):
        return {}
    starts = {}
    for name, path in zip(config.students, config.student_weights, strict=False):
        if path:
            loaded, variables = teacher_files.load(dataclasses.replace(config.teacher, path=path, arch=name))
            if (loaded.arch, loaded.classes, loaded.channels) != (name, info.classes, info.channels):
                raise InputError(
                    f"student_weights: {path} is a {loaded.arch} of {loaded.classes} classes, wanted a {name} of "
                    f"{info.classes}"
                )
            starts[name] = variables
    return starts
