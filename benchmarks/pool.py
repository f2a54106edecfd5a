"""Runs that are played as many at a time as this machine has cores for them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from akd_jax import signals
from akd_jax.errors import StoppedError
from benchmarks.kept import Entry

ROOT = Path(__file__).parents[1]
PAUSE = 0.5
"""Seconds between two looks at those that play."""


def played(
    entries: Sequence[Entry], directory: Path, settings: Sequence[str], shares: Sequence[Sequence[int]]
) -> Iterator[Entry]:
    """Each when it has been played, as many at a time as there are shares of the cores.

    Raises OSError where one fails, and StoppedError after SIGTERM or SIGINT; the others are then stopped, saved.
    """
    waiting, playing = list(entries), {}
    with signals.awaited() as request, _ended(playing):
        while waiting or playing:
            if request.by:
                raise StoppedError(f"stopped by {request.by.name}: the same command goes on", request.by)
            for place, share in enumerate(shares):
                if waiting and place not in playing:
                    entry = waiting.pop(0)
                    playing[place] = entry, _start(entry, directory / entry.place, settings, share)
            time.sleep(PAUSE)
            for place, (entry, process) in list(playing.items()):
                if (status := process.poll()) is None:
                    continue
                del playing[place]
                if status:
                    raise OSError(f"{entry.config} with seed {entry.seed} ended with status {status}, as its log says")
                yield entry


@contextmanager
def _ended(playing: Mapping[int, tuple[Entry, subprocess.Popen]]) -> Iterator[None]:
    """What still plays at the end is stopped, and has saved."""
    try:
        yield
    finally:
        for _, process in playing.values():
            process.send_signal(signal.SIGTERM)
        for _, process in playing.values():
            process.wait()


def _start(entry: Entry, directory: Path, settings: Sequence[str], share: Sequence[int]) -> subprocess.Popen:
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "scripts" / "train.py"), f"--config={entry.config}"]
    command += [f"--config.seed={entry.seed}", "--workdir", str(directory / "run"), *settings]
    print(f"{entry.config}, seed {entry.seed}: {directory / 'log.txt'}", flush=True)
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, share)  # which those whom it starts inherit
    try:
        with (directory / "log.txt").open("ab") as log:
            # In a session of its own, or a Ctrl-C would reach it too, and the signal after it be its second.
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
    finally:
        os.sched_setaffinity(0, own)
