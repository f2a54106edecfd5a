"""One run's fixed facts, gathered and checked before anything is written or slow."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import compilation, data, teacher_files, tensorboard, workdir
from akd_jax.checkpoint import latest_in
from akd_jax.compilation import Options
from akd_jax.config import Config
from akd_jax.data import Splits
from akd_jax.errors import DataMissing, InputError
from akd_jax.experiment import Experiment, build, initial_state, method_of, starting_from
from akd_jax.flops import count_flops
from akd_jax.models import parameter_count
from akd_jax.schedule import Schedule, rounds_by_turn
from akd_jax.teacher import TeacherInfo
from akd_jax.types import AKDState, Array, Variables


class Held(NamedTuple):
    """Labelled images to measure on: after epochs, and at the run's end only. missing: why there are none, or ""."""

    during: Splits | None
    at_end: Splits | None
    missing: str = ""


class Run(NamedTuple):
    """A run that can begin or go on: what does not change while it is played.

    teacher_variables: as the experiment's frozen teacher takes them. flops: turn -> floating-point operations of one
    round. parameters: student -> how many. options: of its programs. member: its name in a sweep, "" by itself.
    """

    config: Config
    directory: Path
    teacher_info: TeacherInfo
    teacher_variables: Variables
    experiment: Experiment
    schedule: Schedule
    held: Held
    parameters: dict[str, int]
    flops: dict[str, int]
    options: Options
    game_key: Array
    sample_key: Array
    member: str = ""

    def flops_in(self, rounds: int) -> int:
        """Floating-point operations of the run's first `rounds` rounds."""
        return sum(count * self.flops[turn] for turn, count in rounds_by_turn(self.schedule, rounds).items())

    @property
    def label(self) -> str:
        """What tells its lines from those of other members of a sweep."""
        return f"{self.member}: " if self.member else ""


def prepare(
    config: Config, directory: Path, *, force: bool, fetch: bool, others: Sequence[Path] = ()
) -> tuple[Run, AKDState]:
    """(the run, its first state). Raises InputError for settings, a teacher or data that cannot be used.

    fetch: may download and prepare data that are not there. others: directories of those that are played in step with
    it, so that all begin afresh where one of them does.
    """
    options = compilation.options(config.compilation.options)
    if config.tensorboard:
        tensorboard.check_installed()
    info, teacher_variables = teacher_files.load(config.teacher)
    experiment = build(config, info)
    workdir.check(directory, config, info.digest, force=force)
    begins = any(latest_in(each / workdir.CHECKPOINTS) is None for each in (directory, *others))
    starts = _load_starts(config, info) if begins else {}
    held = _load_images(config, info, fetch=fetch)

    teacher_variables = jax.device_put(experiment.freeze(teacher_variables))
    init_key, game_key, sample_key = _keys(config)
    state = starting_from(initial_state(experiment, init_key), starts)
    turns = experiment.method.turns
    times = config.schedule
    run = Run(
        config=config,
        directory=directory,
        teacher_info=info,
        teacher_variables=teacher_variables,
        experiment=experiment,
        schedule=Schedule(tuple(turns), times.epochs, times.rounds_per_epoch, times.rounds_per_dispatch),
        held=held,
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        flops={name: count_flops(turn.round, state, teacher_variables, game_key) for name, turn in turns.items()},
        options=options,
        game_key=game_key,
        sample_key=sample_key,
    )
    return run, state


def beside(run: Run, state: AKDState, config: Config, directory: Path, *, member: str) -> tuple[Run, AKDState]:
    """Another run of the same networks, teacher and images as `prepare` gave, with its first state.

    config: differs from the run's in seed and in numbers that change no shape. state: the first of `run`.
    """
    networks = run.experiment
    method = method_of(config, networks.teacher, networks.students, networks.generator)
    init_key, game_key, sample_key = _keys(config)
    given = zip(config.students, config.student_weights, strict=False)
    starts = {name: jax.tree.map(jnp.copy, state.students[name].variables) for name, path in given if path}
    another = run._replace(
        config=config,
        directory=directory,
        experiment=networks._replace(method=method),
        game_key=game_key,
        sample_key=sample_key,
        member=member,
    )
    # By the first one's method, which is compiled; what differs moves players and does not make them.
    return another, starting_from(initial_state(networks, init_key), starts)


def _keys(config: Config) -> Array:
    """[3]: of the players, of the game, and of what is drawn to be looked at."""
    return jax.random.split(jax.random.key(config.seed), 3)


def _load_images(config: Config, info: TeacherInfo, *, fetch: bool) -> Held:
    """Raises InputError."""
    wanted = config.evaluation
    if not wanted.data:
        return Held(None, None, "no evaluation.data")
    try:
        held = Held(
            *(
                data.load_splits(wanted.data, names, wanted.data_dir or None, fetch=fetch) if names else None
                for names in (wanted.splits, wanted.final_splits)
            )
        )
    except DataMissing as error:  # what is data-free can do without; what it cannot read, it refuses
        return Held(None, None, str(error))
    shape = (config.image_size, config.image_size, info.channels)
    for splits in (held.during, held.at_end):
        if splits is not None:
            data.check(splits.held, f"evaluation.data: {wanted.data}", shape=shape, classes=info.classes)
    return held


def _load_starts(config: Config, info: TeacherInfo) -> dict[str, Variables]:
    """The weights that students begin with, of those that begin with any. Raises InputError."""
    starts = {}
    for name, path in zip(config.students, config.student_weights, strict=False):
        if path:
            wanted = dataclasses.replace(config.teacher, path=path, arch=name, mean=info.mean, std=info.std)
            try:
                loaded, variables = teacher_files.load(wanted)
            except InputError as error:
                raise InputError(f"student_weights for {name}: {error}") from None
            if (loaded.arch, loaded.classes, loaded.channels) != (name, info.classes, info.channels):
                raise InputError(
                    f"student_weights: {path} is a {loaded.arch} of {loaded.classes} classes, wanted a {name} of "
                    f"{info.classes}"
                )
            starts[name] = variables
    return starts
