"""akd-train-teacher: trains a teacher on labelled images."""

import sys
from pathlib import Path

from akd_jax.cli.exits import ending
from akd_jax.cli.train import train_as_told
from akd_jax.config import Config
from akd_jax.errors import InputError

USAGE = """usage: {program} --config FILE[:VARIANT] [--config.KEY=VALUE ...] [--workdir DIR] [--force] [--dry_run]

Trains a network on labelled images, e.g. --config teacher:resnet20, and leaves it in WORKDIR/teacher, as akd-train
reads it, and as a PyTorch state dict in WORKDIR/teacher.pth. FILE is a path, or one of the configs that ship with
akd_jax: {shipped}."""


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, trains and exits."""
    ending(
        lambda: train_as_told(
            sys.argv[1:] if arguments is None else arguments, usage=USAGE, check=_check, then=_graduate
        )
    )


def _check(config: Config) -> None:
    if config.method != "supervised":
        raise InputError(f"{config.name} plays {config.method}, which learns from no images: give it to akd-train")
    if len(config.students) > 1:
        raise InputError(f"students={', '.join(config.students)}: train one teacher at a time, or use akd-train")


def _graduate(directory: Path) -> None:
    from akd_jax.graduation import graduate  # imports what takes seconds

    graduate(directory)
