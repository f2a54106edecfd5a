"""A run's measurements on disk: metrics.jsonl, a row a line, and history.csv, its evaluations as a table."""

import csv
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from akd_jax import files

Row = Mapping[str, Any]
HISTORY = ("epoch", "round", "student", "split", "top1", "loss", "agreement", "seconds", "seed")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; [] if there is none. A last line cut short by a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1] if line]  # what follows the last newline is half a row


def rewind(path: Path, round: int) -> None:
    """Removes the rows past `round`, which a resumed run writes again."""
    rows = [row for row in read(path) if row["round"] <= round]
    files.write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def append(path: Path, rows: Iterable[Row]) -> None:
    """Adds rows; they are on disk when it returns."""
    with path.open("a") as file:
        file.writelines(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())


def write_history(path: Path, rows: Iterable[Row]) -> None:
    """The evaluation rows as history.csv."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, HISTORY, extrasaction="ignore")
        table.writeheader()
        table.writerows(row for row in rows if row["kind"] == "eval")
