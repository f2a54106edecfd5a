"""What there is for a run, found and checked before anything is written or slow."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import compilation, data, embeddings_file, lessons, sharding, teacher_files, tensorboard, workdir
from akd_jax.checkpoint import latest_in
from akd_jax.compilation import Options
from akd_jax.config import Config
from akd_jax.data import Images, Splits
from akd_jax.embeddings_file import Embedded
from akd_jax.errors import DataMissing, InputError
from akd_jax.experiment import Experiment, build
from akd_jax.families import draws, family_of
from akd_jax.inheritance import inherited
from akd_jax.lessons import LessonsInfo
from akd_jax.sharding import Placement
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Variables


class Held(NamedTuple):
    """Labelled images to measure on: after epochs, and at the run's end only. missing: why there are none, or ""."""

    during: Splits | None
    at_end: Splits | None
    missing: str = ""


class Facts(NamedTuple):
    """What a run is made of beside its settings, of which nothing depends on the process that found it.

    options: of its programs. teacher, variables: its record and its arrays; None and () where it has none. lessons,
    images: the record of the labelled images that it learns from, and these; None where it learns from none.
    embeddings: of classes, from a file; None where the settings name none.
    """

    options: Options
    teacher: TeacherInfo | None
    variables: Any
    lessons: LessonsInfo | None
    images: Images | None
    embeddings: Embedded | None = None

    @property
    def task(self) -> Task:
        return self.teacher.task if self.teacher else self.lessons.task

    @property
    def digests(self) -> dict[str, str]:
        """See `digests_of`."""
        return digests_of(self.teacher, self.lessons, self.embeddings)


class Found(NamedTuple):
    """What a run begins with. experiment: of these facts. starts: what students begin with, as of `starting_from`, of
    those that do not begin afresh, where the run begins. held: images to measure on.
    """

    facts: Facts
    placement: Placement
    experiment: Experiment
    starts: Mapping[str, Variables]
    held: Held


def read(config: Config, directory: Path, *, force: bool, fetch: bool, others: Sequence[Path] = ()) -> Found:
    """What there is for a run in `directory`. Raises InputError for settings, a teacher or data that cannot be used.

    fetch: may download and prepare data that are not there. others: directories of those that are played in step with
    it, so that all begin afresh where one of them does.
    """
    options = compilation.options(config.compilation.options)
    placement = _placement(config)
    if config.tensorboard:
        tensorboard.check_installed()
    learns = not draws(config)
    teacher, variables = (None, ()) if learns and not config.teacher.path else teacher_files.load(config.teacher)
    images = lessons.load(config, teacher and teacher.task, fetch=fetch) if learns else (None, None)
    embedded = embeddings_file.load(config.nayer.embeddings) if family_of(config).group == "nayer" else None
    facts = Facts(options, teacher, variables, *images, embedded)
    experiment = _build(config, facts, placement)
    workdir.check(directory, config, facts.digests, force=force)
    begins = any(latest_in(each / workdir.CHECKPOINTS) is None for each in (directory, *others))
    starts = _inherit(config, facts, experiment) | _load_starts(config, facts.task) if begins else {}
    return Found(facts, placement, experiment, starts, _load_images(config, facts.task, fetch=fetch))


def told(config: Config, facts: Facts) -> Found:
    """For a process that plays with the one that read, and neither begins the run nor measures."""
    placement = _placement(config)
    return Found(facts, placement, _build(config, facts, placement), {}, Held(None, None))


def _build(config: Config, facts: Facts, placement: Placement) -> Experiment:
    """Raises InputError for settings that do not go together."""
    architecture = facts.teacher and facts.teacher.arch
    examples = facts.lessons.images if facts.lessons else 0
    rows = facts.embeddings and facts.embeddings.rows
    return build(config, facts.task, teacher=architecture, examples=examples, embeddings=rows, placement=placement)


def _placement(config: Config) -> Placement:
    """Raises InputError where the devices are too few."""
    try:
        return sharding.over(sharding.first_devices(config.mesh.data))
    except ValueError as error:
        raise InputError(f"mesh.data={config.mesh.data}: {error}") from None


def digests_of(teacher: TeacherInfo | None, images: LessonsInfo | None, embeddings: Embedded | None) -> dict[str, str]:
    """Of what a run is given and its checkpoints do not hold, by the file of its directory that records it."""
    records = {workdir.TEACHER: teacher, workdir.LESSONS: images, workdir.EMBEDDINGS: embeddings}
    return {file: record.digest for file, record in records.items() if record}


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


def heirs(config: Config) -> list[str]:
    """Students that begin with what they have in common with the teacher."""
    given = zip_longest(config.students, config.student_weights, fillvalue="")
    return [name for name, path in given if config.inherit and not path]


def _inherit(config: Config, facts: Facts, experiment: Experiment) -> dict[str, Variables]:
    """What students have in common with the teacher. Raises InputError where that is all, or nothing of any student."""
    if heirs(config) and not facts.teacher:
        raise InputError("inherit=True: there is no teacher; give teacher.path")
    size = config.image_size
    images = jax.ShapeDtypeStruct((1, size, size, facts.task.channels), jnp.float32)
    found = {}
    for name in heirs(config):
        if name == facts.teacher.arch:
            raise InputError(f"inherit=True: {name} is the teacher's own network, and would have nothing left to learn")
        own = jax.eval_shape(experiment.students[name].init, jax.random.key(0), images)
        if jax.tree.leaves(common := inherited(own, facts.variables)):
            found[name] = common
    if heirs(config) and not found:
        raise InputError(f"inherit=True: none of {', '.join(heirs(config))} has a layer of {facts.teacher.arch}")
    return found


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
