"""One run's fixed facts, gathered and checked before anything is written or slow."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from akd_jax import compilation, data, lessons, sharding, teacher_files, tensorboard, workdir
from akd_jax.checkpoint import latest_in
from akd_jax.compilation import Options
from akd_jax.config import Config
from akd_jax.data import Images, Splits
from akd_jax.errors import DataMissing, InputError
from akd_jax.experiment import Experiment, build, draws, initial_state, method_of, starting_from
from akd_jax.flops import count_flops
from akd_jax.lessons import LessonsInfo
from akd_jax.models import parameter_count
from akd_jax.schedule import Schedule, rounds_by_turn
from akd_jax.sharding import Placement
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.types import AKDState, Array, Lessons, Method, Variables


class Held(NamedTuple):
    """Labelled images to measure on: after epochs, and at the run's end only. missing: why there are none, or ""."""

    during: Splits | None
    at_end: Splits | None
    missing: str = ""


class Keys(NamedTuple):
    """Of a run's seed: of its first players; of the order of the images that it learns from, None in a game; of its
    rounds; of what is drawn to be looked at.
    """

    players: Array
    order: Array | None
    game: Array
    sample: Array


class Run(NamedTuple):
    """A run that can begin or go on: what does not change while it is played.

    task: what its networks see and say. teacher_info: None where it has no teacher. lessons_info: of the images that it
    learns from, None where it learns from none. given: what its rounds are given (see `Step`), where `placement` wants
    it, as game_key is; teacher_variables: those among it, on one device, as the experiment's frozen teacher takes them.
    flops: turn -> floating-point operations of one round. parameters: student -> how many. options: of its programs.
    member: its name in a sweep, "" by itself. in_step: how many runs are played in step, it among them.
    """

    config: Config
    directory: Path
    task: Task
    teacher_info: TeacherInfo | None
    lessons_info: LessonsInfo | None
    given: Any
    teacher_variables: Variables
    experiment: Experiment
    schedule: Schedule
    held: Held
    parameters: dict[str, int]
    flops: dict[str, int]
    options: Options
    placement: Placement
    game_key: Array
    sample_key: Array
    member: str = ""
    in_step: int = 1

    @property
    def examples(self) -> int:
        """Labelled images to learn from."""
        return self.lessons_info.images if self.lessons_info else 0

    @property
    def digests(self) -> dict[str, str]:
        """See `_digests`."""
        return _digests(self.teacher_info, self.lessons_info)

    def flops_in(self, rounds: int) -> int:
        """Floating-point operations of the run's first `rounds` rounds."""
        return sum(count * self.flops[turn] for turn, count in rounds_by_turn(self.schedule, rounds).items())

    @property
    def label(self) -> str:
        """What tells its lines from those of other members of a sweep."""
        return f"{self.member}: " if self.member else ""


class Facts(NamedTuple):
    """What a run is made of beside its settings, of which nothing depends on the process that found it.

    options: of its programs. teacher, variables: its record and its arrays; None and () where it has none. lessons,
    images: the record of the labelled images that it learns from, and these; None where it learns from none.
    """

    options: Options
    teacher: TeacherInfo | None
    variables: Any
    lessons: LessonsInfo | None
    images: Images | None

    @property
    def task(self) -> Task:
        return self.teacher.task if self.teacher else self.lessons.task

    @property
    def digests(self) -> dict[str, str]:
        """See `_digests`."""
        return _digests(self.teacher, self.lessons)


class Found(NamedTuple):
    """What `assemble` begins with. experiment: of these facts. starts: what students begin with, of those that do not
    begin afresh, where the run begins. held: images to measure on.
    """

    facts: Facts
    experiment: Experiment
    starts: Mapping[str, Variables]
    held: Held


def read(config: Config, directory: Path, *, force: bool, fetch: bool, others: Sequence[Path] = ()) -> Found:
    """What there is for a run in `directory`. Raises InputError for settings, a teacher or data that cannot be used.

    fetch: may download and prepare data that are not there. others: directories of those that are played in step with
    it, so that all begin afresh where one of them does.
    """
    options = compilation.options(config.compilation.options)
    _placement(config)
    if config.tensorboard:
        tensorboard.check_installed()
    learns = not draws(config)
    teacher, variables = (None, ()) if learns and not config.teacher.path else teacher_files.load(config.teacher)
    images = lessons.load(config, teacher and teacher.task, fetch=fetch) if learns else (None, None)
    facts = Facts(options, teacher, variables, *images)
    experiment = _build(config, facts)
    workdir.check(directory, config, facts.digests, force=force)
    begins = any(latest_in(each / workdir.CHECKPOINTS) is None for each in (directory, *others))
    starts = _load_starts(config, facts.task) if begins else {}
    return Found(facts, experiment, starts, _load_images(config, facts.task, fetch=fetch))


def told(config: Config, facts: Facts) -> Found:
    """For a process that plays with the one that read, and neither begins the run nor measures."""
    return Found(facts, _build(config, facts), {}, Held(None, None))


def assemble(config: Config, directory: Path, found: Found) -> tuple[Run, AKDState]:
    """(the run, its first state)."""
    facts, experiment, starts, held = found
    placement = _placement(config)
    teacher_variables = jax.device_put(experiment.freeze(facts.variables))
    keys = keys_of(config)
    given = teacher_variables
    if facts.lessons:
        images, labels = jax.device_put((facts.images.images, facts.images.labels))
        given = Lessons(images, labels, keys.order, teacher_variables)
    state = starting_from(initial_state(experiment, keys.players), starts)
    turns = experiment.method.turns
    times = config.schedule
    run = Run(
        config=config,
        directory=directory,
        task=facts.task,
        teacher_info=facts.teacher,
        lessons_info=facts.lessons,
        given=placement.everywhere(given),
        teacher_variables=teacher_variables,
        experiment=experiment,
        schedule=Schedule(tuple(turns), times.epochs, times.rounds_per_epoch, times.rounds_per_dispatch),
        held=held,
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        flops={name: count_flops(turn.round, state, given, keys.game) for name, turn in turns.items()},
        options=facts.options,
        placement=placement,
        game_key=placement.everywhere(keys.game),
        sample_key=keys.sample,
    )
    return run, state


def _build(config: Config, facts: Facts) -> Experiment:
    """Raises InputError for settings that do not go together."""
    architecture = facts.teacher and facts.teacher.arch
    examples = facts.lessons.images if facts.lessons else 0
    return build(config, facts.task, teacher=architecture, examples=examples, placement=_placement(config))


def _placement(config: Config) -> Placement:
    """Raises InputError where the devices are too few."""
    try:
        return sharding.over(sharding.first_devices(config.mesh.data))
    except ValueError as error:
        raise InputError(f"mesh.data={config.mesh.data}: {error}") from None


def method_with(run: Run, config: Config) -> Method:
    """The method of these settings, played by the run's networks."""
    nets = run.experiment
    return method_of(config, nets.teacher, nets.students, nets.generator, task=run.task, examples=run.examples)


def _digests(teacher: TeacherInfo | None, images: LessonsInfo | None) -> dict[str, str]:
    """Of what a run is given and its checkpoints do not hold, by the file of its directory that records it."""
    records = {workdir.TEACHER: teacher, workdir.LESSONS: images}
    return {file: record.digest for file, record in records.items() if record}


def keys_of(config: Config) -> Keys:
    init, game, sample = jax.random.split(jax.random.key(config.seed), 3)
    if draws(config):
        return Keys(init, None, game, sample)
    return Keys(init, *jax.random.split(game), sample)


def _load_images(config: Config, task: Task, *, fetch: bool) -> Held:
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
    shape = (config.image_size, config.image_size, task.channels)
    for splits in (held.during, held.at_end):
        if splits is not None:
            data.check(splits.held, f"evaluation.data: {wanted.data}", shape=shape, classes=task.classes)
    return held


def _load_starts(config: Config, task: Task) -> dict[str, Variables]:
    """The weights that students begin with, of those that begin with any. Raises InputError."""
    starts = {}
    for name, path in zip(config.students, config.student_weights, strict=False):
        if path:
            wanted = dataclasses.replace(config.teacher, path=path, arch=name, mean=task.mean, std=task.std)
            try:
                loaded, variables = teacher_files.load(wanted)
            except InputError as error:
                raise InputError(f"student_weights for {name}: {error}") from None
            if (loaded.arch, loaded.classes, loaded.channels) != (name, task.classes, task.channels):
                raise InputError(
                    f"student_weights: {path} is a {loaded.arch} of {loaded.classes} classes, wanted a {name} of "
                    f"{task.classes}"
                )
            starts[name] = variables
    return starts
