"""Where figures go: a JSON file that says how they came about, and a picture."""

import shlex
import time
from pathlib import Path
from typing import Any

from akd_jax.errors import InputError
from akd_jax.files import write_json
from akd_jax.workdir import check_writable


def check(path: Path | None, flag: str, suffix: str) -> None:
    """Raises InputError where the file that the flag names cannot be written, before anything is measured."""
    if path is None:
        return
    if path.is_dir() or path.suffix != suffix:
        raise InputError(f"{flag} {path}: give a file that ends in {suffix}")
    check_writable(path.parent, flag)


def write(path: Path, command: list[str], figures: dict[str, Any]) -> None:
    """Figures with the command, after `python`, that they came from, and the day."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"schema": 2, "command": shlex.join(["python", *command]), "date": time.strftime("%Y-%m-%d")}
    write_json(path, said | figures)
