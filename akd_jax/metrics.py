"""A run's measurements: rows, metrics.jsonl with a row a line, and history.csv, its evaluations as a table."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from akd_jax import files
from akd_jax.errors import InputError

Row = Mapping[str, Any]
LABELS = ("kind", "round", "epoch", "student", "split", "seed")
"""What says where a row belongs; its other numbers were measured."""
HISTORY = (
    "epoch", "round", "student", "split", "top1", "top5", "loss", "agreement", "kl", "ece",
    "teacher_queries", "flops", "wall_seconds", "seconds", "seed",
)  # fmt: skip


def train_rows(
    series: Mapping[str, Mapping[str, Any]], *, after: int, rounds: int, epoch: int, seed: int, seconds: float
) -> Iterator[Row]:
    """A row a round and student. series: {student: {metric: [rounds]}}; seconds: of a round.

    A number is the mean over the round's steps where it was finite; None (null in the file) where it was at none.
    """
    for i in range(rounds):
        for student, values in series.items():
            yield (
                {"kind": "train", "round": after + i + 1, "epoch": epoch, "student": student}
                | {key: finite(numbers[i].item()) for key, numbers in values.items()}
                | {"seed": seed, "seconds": round(seconds, 6)}
            )


def eval_rows(
    measured: Mapping[str, Mapping[str, float]],
    *,
    spent: Mapping[str, float],
    student: str,
    after: int,
    epoch: int,
    seed: int,
    seconds: float,
) -> Iterator[Row]:
    """A row a split. measured: {split: measures}; spent: what the run took so far; seconds: of the whole evaluation."""
    for split, values in measured.items():
        labels = {"kind": "eval", "round": after, "epoch": epoch, "student": student, "split": split}
        yield labels | values | spent | {"seed": seed, "seconds": round(seconds, 6)}


def generator_rows(
    measured: Mapping[str, Mapping[str, Any]], *, after: int, epoch: int, seed: int, seconds: float
) -> Iterator[Row]:
    """A row a student. measured: {student: measures}; seconds: of all."""
    for student, values in measured.items():
        labels = {"kind": "generator", "round": after, "epoch": epoch, "student": student}
        yield labels | values | {"seed": seed, "seconds": round(seconds, 6)}


def finite(number: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return number if math.isfinite(number) else None


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; [] if there is none. A last line cut short by a kill is left out.

    Raises InputError for a line that is no row, which no kill leaves.
    """
    if not path.exists():
        return []
    lines = path.read_text(errors="replace").split("\n")
    return [_row(line, path, number) for number, line in enumerate(lines[:-1], 1) if line]  # after it: half a row


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
        known = isinstance(row, dict) and {"kind", "round"} <= row.keys()
    except ValueError:
        known = False
    if not known:
        raise InputError(f"line {number} of {path} is damaged: take it out; the run goes on without it")
    return row


def rewind(path: Path, round: int, *, evaluated: bool) -> None:
    """Removes the rows past `round`, which a resumed run writes again; if not `evaluated`, those measured at it too."""
    last = round if evaluated else round - 1
    rows = [row for row in read(path) if row["round"] <= (round if row["kind"] == "train" else last)]
    files.write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def append(path: Path, rows: Iterable[Row]) -> None:
    """Adds rows; they are on disk when it returns."""
    with path.open("a") as file:
        file.writelines(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())


def write_history(path: Path, rows: Iterable[Row]) -> None:
    """The evaluation rows as history.csv."""
    text = io.StringIO()
    table = csv.DictWriter(text, HISTORY, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(row for row in rows if row["kind"] == "eval")
    files.write_text(path, text.getvalue())
