"""Files that are whole or not there: written beside the goal, then moved onto it; and their checksums."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from akd_jax.errors import InputError


def write_text(path: Path, text: str) -> None:
    """A reader, or a kill, never meets half of it."""
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        scratch.write_text(text)
        os.replace(scratch, path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Raises ValueError for NaN and infinity, which JSON does not have."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Raises InputError if it is missing or broken."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})") from None


def sha256(path: Path) -> str:
    """The file's digest in hexadecimal, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
