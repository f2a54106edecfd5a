"""A run's rows as TensorBoard's events, beside metrics.jsonl. The only place that knows tensorboardX."""

from collections.abc import Iterable
from pathlib import Path

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
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(
            str(directory / workdir.TENSORBOARD),
            purge_step=after + 1,
            flush_secs=10,
            # File names tell time by the second: a run resumed within one must not overwrite its own.
            filename_suffix=f".{after}",
        )

    def append(self, rows: Iterable[Row]) -> None:
        """A scalar for every measured number, by round: {train,generator}/STUDENT/KEY or eval/STUDENT/SPLIT/KEY."""
        for row in rows:
            place = [row[label] for label in ("kind", "student", "split") if label in row]
            for key in row.keys() - set(LABELS):
                if row[key] is None:  # was not finite
                    continue
                self._writer.add_scalar("/".join([*place, key]), row[key], row["round"])

    def close(self) -> None:
        """All is on disk when it returns."""
        self._writer.close()
