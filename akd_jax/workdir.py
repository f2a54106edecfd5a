"""A run's directory: where its files are, whether it may be resumed."""

import json
import os
import time
from pathlib import Path
from typing import Any

from akd_jax.config import differences
from akd_jax.errors import InputError

CONFIG, METRICS, HISTORY, CURVES, SUMMARY = (
    "config.json",
    "metrics.jsonl",
    "history.csv",
    "curves.png",
    "summary.json",
)
CHECKPOINTS, SAMPLES = "checkpoints", "samples"
KEEP = 2  # checkpoints: the newest, and one to fall back to
RUNS = Path("runs")

# What a resumed run may change without --force: it leaves the numbers of the rounds to come as they were.
FREE_TO_CHANGE = (
    "name",
    "teacher.path",
    "samples",
    "sample_every_epochs",
    "schedule.rounds_per_dispatch",
    "evaluation.",
)


def default(name: str) -> Path:
    """runs/akd_digits_20261123_140509 for the config "akd:digits"."""
    return RUNS / f"{name.replace(':', '_')}_{time.strftime('%Y%m%d_%H%M%S')}"


def newest() -> Path:
    """The newest run under runs/. Raises InputError if there is none."""
    runs = [path.parent for path in RUNS.glob(f"*/{CONFIG}")]
    if not runs:
        raise InputError(f"no run in {RUNS}/: train one first, or give --workdir")
    return max(runs, key=lambda run: (run / CONFIG).stat().st_mtime)


def check(directory: Path, settings: dict[str, Any], *, force: bool) -> None:
    """Raises InputError where `directory` cannot be written, or holds a run with other settings."""
    check_writable(directory, "--workdir")
    if not (directory / CONFIG).exists():
        return
    changed = differences(read_json(directory / CONFIG), settings)
    refused = {key: values for key, values in changed.items() if not any(map(key.startswith, FREE_TO_CHANGE))}
    if refused and not force:
        text = ", ".join(f"{key} {old!r} -> {new!r}" for key, (old, new) in refused.items())
        raise InputError(f"{directory} holds a run with other settings ({text}): take another --workdir, or --force")


def check_writable(directory: Path, flag: str) -> None:
    """Raises InputError where `directory`, which the flag named, can neither be written to nor made."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(f"{flag} {directory}: {existing} is not a directory that can be written to")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes beside the goal first: a reader, or a kill, never meets half a file."""
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")
    os.replace(scratch, path)


def read_json(path: Path) -> dict[str, Any]:
    """Raises InputError if it is missing or broken."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})") from None
