"""One run's fixed facts, gathered and checked before anything is written or slow."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax

from akd_jax import compilation, data, hosts, sharding, teacher_files, tensorboard, workdir
from akd_jax.checkpoint import latest_in
from akd_jax.compilation import Options
from akd_jax.config import Config
from akd_jax.data import Splits
from akd_jax.errors import DataMissing, InputError
from akd_jax.experiment import Experiment, build, initial_state, starting_from
from akd_jax.flops import count_flops
from akd_jax.models import parameter_count
from akd_jax.schedule import Schedule, rounds_by_turn
from akd_jax.sharding import Placement
from akd_jax.teacher import TeacherInfo
from akd_jax.types import AKDState, Array, Variables


class Held(NamedTuple):
    """Labelled images to measure on: after epochs, and at the run's end only. missing: why there are none, or ""."""

    during: Splits | None
    at_end: Splits | None
    missing: str = ""


class Run(NamedTuple):
    """A run that can begin or go on: what does not change while it is played.

    teacher_variables: as the experiment's frozen teacher takes them, on every device, as the game's key is. held:
    None in processes that do not measure. flops: turn -> floating-point operations of one round. parameters: student ->
    how many. options: of its programs.
    """

    config: Config
    directory: Path
    teacher_info: TeacherInfo
    teacher_variables: Variables
    experiment: Experiment
    schedule: Schedule
    held: Held | None
    parameters: dict[str, int]
    flops: dict[str, int]
    options: Options
    placement: Placement
    game_key: Array
    sample_key: Array

    def flops_in(self, rounds: int) -> int:
        """Floating-point operations of the run's first `rounds` rounds."""
        return sum(count * self.flops[turn] for turn, count in rounds_by_turn(self.schedule, rounds).items())


def prepare(config: Config, directory: Path, *, force: bool, fetch: bool) -> tuple[Run, AKDState]:
    """(the run, its first state). Raises InputError for settings, a teacher or data that cannot be used.

    fetch: may download and prepare data that are not there.
    """
    options = compilation.options(config.compilation.options)
    placement = sharding.over(hosts.devices(config.mesh), shard_optimizer=config.mesh.shard_optimizer)
    if config.tensorboard:
        hosts.by_first(tensorboard.check_installed)
    info, teacher_variables = hosts.of_first(lambda: teacher_files.load(config.teacher))
    experiment = build(config, info, split=placement.split)

    def look() -> tuple[dict[str, Variables], Held]:
        workdir.check(directory, config, info.digest, force=force)
        begins = latest_in(directory / workdir.CHECKPOINTS) is None
        return _load_starts(config, info) if begins else {}, _load_images(config, info, fetch=fetch)

    starts, held = hosts.by_first(look) or ({}, None)
    teacher_variables = jax.device_put(experiment.freeze(teacher_variables))
    init_key, game_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    state = starting_from(initial_state(experiment, init_key), starts)
    turns = experiment.method.turns
    times = config.schedule
    run = Run(
        config=config,
        directory=directory,
        teacher_info=info,
        teacher_variables=placement.everywhere(teacher_variables),
        experiment=experiment,
        schedule=Schedule(tuple(turns), times.epochs, times.rounds_per_epoch, times.rounds_per_dispatch),
        held=held,
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        flops={name: count_flops(turn.round, state, teacher_variables, game_key) for name, turn in turns.items()},
        options=options,
        placement=placement,
        game_key=placement.everywhere(game_key),
        sample_key=sample_key,
    )
    return run, state


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
