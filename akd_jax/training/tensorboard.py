"""A run's rows as TensorBoard's events, beside metrics.jsonl. The only place that knows tensorboardX."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from akd_jax import workdir
from akd_jax.errors import InputError
from akd_jax.metrics import LABELS, Row
from akd_jax.optional import why_missing


def check_installed() -> None:
    """Raises InputError where tensorboardX is missing, or damaged."""
    if reason := why_missing("tensorboardX"):
        raise InputError(f"TensorBoard output needs tensorboardX ({reason}): pip install 'akd_jax[tensorboard]'")


class Events:
    """What a run in `directory` measures from the round `after` on. `close` it.

    Events past `after`, of a run that was stopped there before, are hidden. Raises InputError like check_installed.
    """

    def __init__(self, directory: Path, *, after: int):
        check_installed()
        # Not its SummaryWriter, whose thread dies of a full disk while the run waits for it, and of a kill with what it
        # had not written.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        folder = directory / workdir.TENSORBOARD
        folder.mkdir(exist_ok=True)
        # File names tell time by the second: a run resumed within one must not overwrite its own.
        self._writer = EventsWriter(str(folder / "events"), f".{after}")
        self._write(after + 1, session_log=SessionLog(status=SessionLog.START))

    def append(self, rows: Iterable[Row]) -> None:
        """A scalar for every measured number, by round: {train,generator}/STUDENT/KEY or eval/STUDENT/SPLIT/KEY.

        They are with the operating system when it returns. Raises OSError where the disk has no room.
        """
        from tensorboardX.summary import scalar

        for row in rows:
            place = [row[label] for label in ("kind", "student", "split") if label in row]
            for key in row.keys() - set(LABELS):
                if row[key] is None:  # was not finite
                    continue
                self._write(row["round"], summary=scalar("/".join([*place, key]), row[key]))
        self._writer.flush()

    def close(self) -> None:
        """All is on disk when it returns."""
        self._writer.close()

    def _write(self, round: int, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(wall_time=time.time(), step=round, **content))
