"""A run's directory: where its files are, whether it may be resumed."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from akd_jax import files
from akd_jax.config import Config
from akd_jax.config.optimizers import RateConfig
from akd_jax.config.replay import ReplayConfig
from akd_jax.config_dict import differences, flat, from_dict, to_dict
from akd_jax.errors import InputError, warn

CONFIG, METRICS, HISTORY = "config.json", "metrics.jsonl", "history.csv"
TEACHER, LESSONS, EMBEDDINGS = "teacher.json", "lessons.json", "embeddings.json"
CURVES, SUMMARY = "curves.png", "summary.json"
CHECKPOINTS, SAMPLES, TENSORBOARD, PROFILE = "checkpoints", "samples", "tensorboard", "profile"
DAMAGED, LOCK = "checkpoints_damaged", ".lock"
SWEEP = "sweep.json"  # in the directory of a sweep, which has one of a run for each of its members
KEEP = 2  # checkpoints: the newest, and one to fall back to
RUNS = Path("runs")

UNSEEN = (
    "name",
    "teacher.path",
    "samples",
    "sample_every_epochs",
    "tensorboard",
    "debug_nans",
    "profile_dispatches",
    "schedule.rounds_per_dispatch",
    "schedule.save_minutes",
    "evaluation.data_dir",
    "evaluation.final_splits",
    "evaluation.batch_size",
    "compilation.cache",
    "mesh.",  # sums over a batch round differently, and are the same sums
)
"""What has no part in what a run comes to. A name that ends in a dot stands for a whole group."""
OF_FIGURES = (
    "schedule.patience",
    "schedule.max_skipped",
    "evaluation.splits",
    "evaluation.every_epochs",
    "collapse.",
)
"""What decides which rounds are played, or which of them is the best, and leaves each as it is."""
FREE_TO_CHANGE = (*UNSEEN, *OF_FIGURES)
"""What a resumed run may change without --force: it leaves the numbers of the rounds to come as they were."""
EPOCHS = "schedule.epochs"
OF_MEMBERS = ("seed", "num_seeds", "sweep")  # what is told of each run beside its recipe
GIVEN = {
    TEACHER: "the teacher's digest",
    LESSONS: "the training images' digest",
    EMBEDDINGS: "the embeddings' digest",
}
"""Files that say what a run's checkpoints belong to -> what it is called."""


def default(name: str) -> Path:
    """runs/akd_digits_20261123_140509 for the config "akd:digits"."""
    return RUNS / f"{name.replace(':', '_')}_{time.strftime('%Y%m%d_%H%M%S')}"


def newest() -> Path:
    """The newest run, or sweep, under runs/. Raises InputError if there is none."""
    records = [path for name in (CONFIG, SWEEP) for path in RUNS.glob(f"*/{name}")]
    if not records:
        raise InputError(f"no run in {RUNS}/: train one first, or give --workdir")
    return max(records, key=lambda record: record.stat().st_mtime).parent


def check(directory: Path, config: Config, digests: Mapping[str, str], *, force: bool) -> None:
    """Raises InputError where `directory` cannot be written, or holds a run with other settings, teacher or images.

    digests: of what this run is given, by the file of GIVEN that records it.
    """
    check_writable(directory, "--workdir")
    if not (directory / CONFIG).exists():
        others = [path.name for path in directory.glob("*") if not path.name.startswith(".")]
        if others:
            raise InputError(f"{directory} is no run, and not empty ({others[0]}, ...): give another --workdir")
        return
    if force:
        return
    changed = differences(to_dict(from_dict(files.read_json(directory / CONFIG))), to_dict(config))
    begun = (directory / CHECKPOINTS).is_dir() and any((directory / CHECKPOINTS).iterdir())
    for file, digest in digests.items():
        recorded = (directory / file).exists()
        if not recorded and begun:
            raise InputError(
                f"{directory} is a damaged run: it has no {file}, which says whose checkpoints these are; put it back, "
                "or give --force"
            )
        saved_digest = files.read_json(directory / file).get("digest") if recorded else None
        if saved_digest not in (None, digest):
            changed[GIVEN[file]] = (saved_digest, digest)
    refused = {key: values for key, values in changed.items() if not _is_free(key, *values, config)}
    if refused:
        text = ", ".join(f"{key} {old!r} -> {new!r}" for key, (old, new) in refused.items())
        if EPOCHS in refused:
            text += (
                f"; {EPOCHS} may be raised where both learning rates are constant and nothing, such as warmup, is a "
                "share of the run, and not otherwise"
            )
        raise InputError(f"{directory} holds a run with other settings ({text}): take another --workdir, or --force")


def recipe(directory: Path) -> dict[str, Any]:
    """Full key -> value of the settings of the run there that decide what it comes to, but for its seed; {} if it has
    none written down. Raises InputError for settings that cannot be read.
    """
    if not (directory / CONFIG).exists():
        return {}
    try:
        return recipe_of(from_dict(files.read_json(directory / CONFIG)))
    except InputError as error:
        raise InputError(f"{directory / CONFIG}: {error}") from None


def recipe_of(config: Config) -> dict[str, Any]:
    """As `recipe`, of these settings."""
    return {key: value for key, value in flat(to_dict(config)).items() if not _among(key, (*UNSEEN, *OF_MEMBERS))}


def _is_free(key: str, old: Any, new: Any, config: Config) -> bool:
    if key == EPOCHS:
        return new > old and not _has_shares(config)
    return _among(key, FREE_TO_CHANGE)


def _has_shares(config: Config) -> bool:
    """Whether something is a share of the run: more epochs would move it in those that are played."""
    own = getattr(config, config.method, None)
    return any(
        settings.has_shares
        for settings in (config.student_optimizer, config.generator_optimizer, own)
        if isinstance(settings, RateConfig | ReplayConfig)
    )


def _among(key: str, names: Sequence[str]) -> bool:
    return any(key.startswith(name) if name.endswith(".") else key == name for name in names)


def check_unused(directory: Path) -> None:
    """Raises InputError where `directory` cannot be written, or a process trains there. Quick, and leaves no trace."""
    check_writable(directory, "--workdir")
    if (directory / LOCK).exists():
        with locked(directory):
            pass


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """In `directory`, which is there from now on. Raises as `locked`."""
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        yield


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Alone in `directory`, which must be there. Raises InputError where another process is.

    The lock goes with the process that holds it, however that ends; only the file stays.
    """
    with (directory / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            process = file.read().strip() or "unknown"
            raise InputError(
                f"{directory} is locked by process {process}, which trains there: wait for it, stop it "
                f"(kill {process}), or take another --workdir"
            ) from None
        except OSError as error:
            warn(f"{directory} cannot be locked ({error.strerror}): see that no other process trains there")
        file.truncate(0)
        file.write(f"{os.getpid()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def check_writable(directory: Path, flag: str) -> None:
    """Raises InputError where `directory`, which the flag named, can neither be written to nor made."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError:  # permissions alone do not tell: root may write where the file system lets nobody
        raise InputError(f"{flag} {directory}: {existing} is not a directory that can be written to") from None
