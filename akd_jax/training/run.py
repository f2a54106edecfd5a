"""One run's fixed facts, put together: what does not change while it is played."""

from pathlib import Path
from typing import Any, NamedTuple

import jax

from akd_jax.compilation import Options
from akd_jax.config import Config
from akd_jax.experiment import Experiment, initial_state, method_of, starting_from
from akd_jax.families import draws
from akd_jax.families.family import Scene
from akd_jax.flops import count_flops
from akd_jax.models import parameter_count
from akd_jax.schedule import Schedule, rounds_by_turn
from akd_jax.sharding import Placement
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.training.embeddings_file import Embedded
from akd_jax.training.facts import digests_of
from akd_jax.training.found import Found, Held
from akd_jax.training.lessons import LessonsInfo
from akd_jax.training.starts import heirs
from akd_jax.types import FILLING, AKDState, Array, Lessons, Method, Variables


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
    learns from, None where it learns from none. embeddings: of classes, from a file, None where there is none.
    given: what its rounds are given (see `Step`), where `placement` wants it, as game_key is; teacher_variables: those
    among it, on one device, as the experiment's frozen teacher takes them.
    flops: turn -> floating-point operations of one round. parameters: student -> how many; inherited: how many of these
    begin as the teacher's, where any do and the run begins. options: of its programs.
    member: its name in a sweep, "" by itself. in_step: how many runs are played in step, it among them.
    """

    config: Config
    directory: Path
    task: Task
    teacher_info: TeacherInfo | None
    lessons_info: LessonsInfo | None
    embeddings: Embedded | None
    given: Any
    teacher_variables: Variables
    experiment: Experiment
    schedule: Schedule
    held: Held
    parameters: dict[str, int]
    inherited: dict[str, int]
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
        """See `digests_of`."""
        return digests_of(self.teacher_info, self.lessons_info, self.embeddings)

    def flops_in(self, rounds: int) -> int:
        """Floating-point operations of the run's first `rounds` rounds."""
        return sum(count * self.flops[turn] for turn, count in rounds_by_turn(self.schedule, rounds).items())

    def lessons_in(self, rounds: int) -> int:
        """Labelled images that were shown in the run's first `rounds` rounds, each as often as it was."""
        turns = self.experiment.method.turns
        return sum(count * turns[turn].lessons for turn, count in rounds_by_turn(self.schedule, rounds).items())

    @property
    def label(self) -> str:
        """What tells its lines from those of other members of a sweep."""
        return f"{self.member}: " if self.member else ""


def assemble(config: Config, directory: Path, found: Found) -> tuple[Run, AKDState]:
    """(the run, its first state), of what `read` found, or another process told."""
    facts, placement, experiment, starts, held = found
    teacher_variables = jax.device_put(experiment.freeze(facts.variables))
    keys = keys_of(config)
    given = teacher_variables
    if facts.lessons:
        images, labels = jax.device_put((facts.images.images, facts.images.labels))
        given = Lessons(images, labels, keys.order, teacher_variables)
    state = starting_from(initial_state(experiment, keys.players), starts)
    turns = experiment.method.turns
    times, in_epochs = config.schedule, tuple(name for name in turns if name != FILLING)
    run = Run(
        config=config,
        directory=directory,
        task=facts.task,
        teacher_info=facts.teacher,
        lessons_info=facts.lessons,
        embeddings=facts.embeddings,
        given=placement.everywhere(given),
        teacher_variables=teacher_variables,
        experiment=experiment,
        schedule=Schedule(in_epochs, times.epochs, times.rounds_per_epoch, times.rounds_per_dispatch, times.filling),
        held=held,
        parameters={name: parameter_count(state.students[name].variables) for name in config.students},
        inherited={name: parameter_count(starts[name]) for name in starts if name in heirs(config)},
        flops={name: count_flops(turn.round, state, given, keys.game) for name, turn in turns.items()},
        options=facts.options,
        placement=placement,
        game_key=placement.everywhere(keys.game),
        sample_key=keys.sample,
    )
    return run, state


def method_with(run: Run, config: Config) -> Method:
    """The method of these settings, played by the run's networks."""
    nets = run.experiment
    rows = run.embeddings and run.embeddings.rows
    scene = Scene(run.task, taught=nets.teacher is not None, examples=run.examples, embeddings=rows)
    return method_of(config, nets.teacher, nets.students, nets.generator, scene=scene)


def keys_of(config: Config) -> Keys:
    init, game, sample = jax.random.split(jax.random.key(config.seed), 3)
    if draws(config):
        return Keys(init, None, game, sample)
    return Keys(init, *jax.random.split(game), sample)
