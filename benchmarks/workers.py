"""Processes that play one variant each, and where they play."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
UNSET = ("OMP_", "KMP_", "GOMP_", "MKL_", "XLA_", "JAX_", "TORCH")
"""How names of environment variables begin that are not passed on: everybody plays with the defaults."""


class Failed(Exception):
    """A variant's process ended; what it printed last."""


class Place(NamedTuple):
    """Where everybody plays. threads: cores that each may use. device: what is measured, "cpu" or "gpu".

    platform: JAX's name of it, or of what stands in for it. changes: to every game's config, as `games.config_of` has
    them.
    """

    threads: int
    device: str = "cpu"
    platform: str = "cpu"
    changes: Mapping[str, Any] = {}

    @property
    def is_host(self) -> bool:
        """Whether this machine's own cores are measured."""
        return self.device == "cpu"


class Worker:
    """A process that answers one request at a time; see worker.py."""

    def __init__(self, variant: str, game: str, start: Path, place: Place):
        told = variant, game, str(start), str(place.threads), json.dumps(place.changes)
        command = [sys.executable, "-m", "benchmarks.worker", *told]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        cores = set(sorted(os.sched_getaffinity(0))[: place.threads])
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith(UNSET)}
            | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": place.platform}
            | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},  # or the first would take a GPU's memory from the others
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        self.pid = self._process.pid

    def ask(self, do: str, **request: Any) -> Any:
        """Raises Failed if it cannot answer."""
        print(json.dumps({"do": do, **request}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"{' '.join(self._process.args[3:5])}: {self._said()}")
        return json.loads(line)

    def close(self) -> None:
        """Whatever it is doing."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _said(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return self._errors.read().strip()[-2000:]


@contextlib.contextmanager
def workers(variants: Sequence[str], *arguments: Any) -> Iterator[dict[str, Worker]]:
    """One for each variant; none is left behind."""
    made = {variant: Worker(variant, *arguments) for variant in variants}
    try:
        yield made
    finally:
        for worker in made.values():
            worker.close()
