"""A run as it lies on disk, for those who come after training: sampling, evaluation, export."""

from pathlib import Path
from typing import Any, NamedTuple

import jax

from akd_jax import teacher, workdir
from akd_jax.checkpoint import Checkpoints
from akd_jax.config import Config, from_dict
from akd_jax.errors import InputError
from akd_jax.experiment import Experiment, build
from akd_jax.run import initial_state
from akd_jax.teacher import Teacher
from akd_jax.types import AKDState, Variables


class SavedRun(NamedTuple):
    """state: at the newest checkpoint, `round`. best: each student's best variables; record: what they measured."""

    config: Config
    teacher: Teacher
    experiment: Experiment
    round: int
    state: AKDState
    best: dict[str, Variables]
    record: dict[str, Any]


def read(directory: Path) -> SavedRun:
    """Raises InputError where there is no run, or none with a checkpoint. The teacher's arrays are not needed."""
    config = from_dict(workdir.read_json(directory / workdir.CONFIG))
    info = teacher.read_info(directory)
    experiment = build(config, info)
    state = initial_state(experiment, jax.random.key(0))
    best = {name: player.variables for name, player in state.students.items()}
    with Checkpoints(directory / workdir.CHECKPOINTS, keep=None) as checkpoints:
        latest = checkpoints.latest()
        if latest is None:
            raise InputError(f"{directory} has no checkpoint yet: let train.py run to the end of an epoch")
        saved, record = checkpoints.restore(latest, {"state": state, "best": best})
    return SavedRun(config, info, experiment, latest, saved["state"], saved["best"], record)
