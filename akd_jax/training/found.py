"""What there is for a run, found and checked before anything is written or slow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from akd_jax import compilation, data, sharding, teacher_files, workdir
from akd_jax.checkpoint import latest_in
from akd_jax.config import Config
from akd_jax.data import Splits
from akd_jax.errors import DataMissing, InputError
from akd_jax.experiment import Experiment, build
from akd_jax.families import draws, family_of
from akd_jax.sharding import Placement
from akd_jax.task import Task
from akd_jax.training import embeddings_file, lessons, tensorboard
from akd_jax.training.facts import Facts
from akd_jax.training.starts import load_starts
from akd_jax.types import Variables


class Held(NamedTuple):
    """Labelled images to measure on: after epochs, and at the run's end only. missing: why there are none, or ""."""

    during: Splits | None
    at_end: Splits | None
    missing: str = ""


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
    starts = load_starts(config, facts, experiment) if begins else {}
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
