"""What a run leaves in its directory while it is played: rows, reports and pictures."""

from collections.abc import Iterable, Mapping

import numpy as np

from akd_jax import files, metrics, report, workdir
from akd_jax.metrics import Row
from akd_jax.training.progress import Progress
from akd_jax.training.run import Run
from akd_jax.training.summary import summarise
from akd_jax.training.tensorboard import Events


class Recorder:
    """Records a run from the round `after` on; what was recorded past that round is dropped first.

    evaluated: whether what was measured after that round stays too; else it will be measured again.
    """

    def __init__(self, run: Run, *, after: int, evaluated: bool):
        self._run = run
        self._rows = run.directory / workdir.METRICS
        metrics.rewind(self._rows, after, evaluated=evaluated)
        self._write_history()
        self._events = Events(run.directory, after=after) if run.config.tensorboard else None

    def add(self, rows: Iterable[Row]) -> None:
        """Rows for metrics.jsonl, and for TensorBoard where the config wants it."""
        rows = list(rows)
        metrics.append(self._rows, rows)
        if self._events:
            self._events.append(rows)

    def rows(self, kind: str) -> list[Row]:
        """All of that kind, also those from before a resumption."""
        return [row for row in metrics.read(self._rows) if row["kind"] == kind]

    def report(self, progress: Progress, *, teacher_top1: Mapping[str, float]) -> None:
        """history.csv and summary.json; as for `summarise`."""
        self._write_history()
        summary = summarise(self._run, progress, teacher_top1=teacher_top1, rows=metrics.read(self._rows))
        files.write_json(self._run.directory / workdir.SUMMARY, summary)

    def draw(self, progress: Progress) -> None:
        """curves.png, and a grid of what the generator makes now, if there is one."""
        run = self._run
        report.save_curves(run.directory / workdir.CURVES, metrics.read(self._rows))
        if not run.experiment.generator:
            return
        images = run.experiment.method.sample(progress.on_one_device, run.sample_key, num=run.config.samples)
        pixels = report.to_pixels(np.asarray(images), run.task.mean, run.task.std)
        (run.directory / workdir.SAMPLES).mkdir(exist_ok=True)
        grid = run.directory / workdir.SAMPLES / f"round_{progress.round:06d}.png"
        report.save_png(grid, report.tile(pixels), scale=2)

    def _write_history(self) -> None:
        metrics.write_history(self._run.directory / workdir.HISTORY, metrics.read(self._rows))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until all is written."""
        if self._events:
            self._events.close()
