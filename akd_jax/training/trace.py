"""What the profiler sees of some dispatches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from akd_jax.errors import warn
from akd_jax.schedule import Dispatch


class Trace:
    """jax.profiler's trace of `count` dispatches after a process's first, and of what the host does in between.

    It is written to `directory`, with the last of them or where an error ends the run before. The first dispatch is
    left out, since the first call of a program is slow. For a count of 0 nothing is traced.
    """

    def __init__(self, directory: Path, count: int):
        self._directory, self._count = directory, count
        self._begun = 0
        self._running = False

    @contextmanager
    def around(self, dispatch: Dispatch) -> Iterator[None]:
        """A dispatch is played inside; in the trace it is a step of its turn's name, numbered by its first round."""
        self._begun += 1
        if self._count and self._begun == 2:
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # Python's calls would be most of it
            jax.profiler.start_trace(self._directory, profiler_options=options)
            self._running = True
        with jax.profiler.StepTraceAnnotation(dispatch.turn, step_num=dispatch.start):
            yield
        if self._begun > self._count:
            self._write()

    def _write(self) -> None:
        if not self._running:
            return
        self._running = False
        try:
            jax.profiler.stop_trace()
        except (OSError, RuntimeError) as error:  # no reason to end a run
            warn(f"no trace could be written to {self._directory} ({error!s:.200})")

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        if self._count and self._begun < 2:
            warn("nothing was traced: only dispatches after the first are, and there was no second")
