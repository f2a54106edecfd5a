"""Variants of a game in processes of their own, sampled in turn while the machine is quiet."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine

ROOT = Path(__file__).parents[1]
VARIANTS = ("jax", "jax_stepwise", "flax", "torch", "torch_tuned", "torch_compiled")
REFERENCE = "jax"
PATIENCE = 3
"""How often a sample is taken again because others were at work."""

MOST_APART = 1e-6
"""Relative difference of a step's loss in float64 from ours, beyond which a variant plays another game."""

Say = Callable[[str], None]


class Worker:
    """A process that answers one request at a time; see worker.py."""

    def __init__(self, variant: str, game: str, start: Path, threads: int, environment: dict[str, str] | None = None):
        command = [sys.executable, "-m", "benchmarks.worker", variant, game, str(start), str(threads)]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        cores = set(sorted(os.sched_getaffinity(0))[:threads])
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        self.pid = self._process.pid

    def ask(self, do: str, **request: Any) -> Any:
        """Raises RuntimeError with what it printed last if it cannot answer."""
        print(json.dumps({"do": do, **request}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._process.args[3:5])}: {self._said()}")
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


def measure(game: str, variants: Sequence[str], *, threads: int, samples: int, say: Say) -> dict[str, Any]:
    """All of one game: agreement in a smaller round, times, compile times, memory."""
    with tempfile.TemporaryDirectory() as directory:
        start = Path(directory)
        with workers([REFERENCE], game, start, threads) as made:
            wanted = made[REFERENCE].ask("prepare")
            flops = made[REFERENCE].ask("flops")
        apart = {variant: _apart(variant, wanted, game, start, threads) for variant in variants}
        for variant, difference in apart.items():
            say(f"{game}: {variant} plays the same game: losses in float64 differ by {difference:.1e} at most")
            if not difference <= MOST_APART:
                raise RuntimeError(f"{variant} does not play the game that it is compared with")
        compiling = _compile_seconds(game, start, threads)
        say(f"{game}: compiled in {compiling['cold']:.1f} s, from the cache in {compiling['cached']:.1f} s")
        with workers(variants, game, start, threads) as made:
            phases = {variant: worker.ask("phases") for variant, worker in made.items()}
            rows = _sampled(made, phases, samples, say, game)
            memory = {variant: worker.ask("memory") for variant, worker in made.items()}
    return {"losses_apart": apart, "flops": flops, "compile_seconds": compiling, "rows": rows, "peak_memory": memory}


def _apart(variant: str, wanted: Sequence[float], game: str, start: Path, threads: int) -> float:
    with workers([variant], game, start, threads) as made:
        found = made[variant].ask("losses")
    return max(abs(own - other) / abs(other) for own, other in zip(found, wanted, strict=True))


def _compile_seconds(game: str, start: Path, threads: int) -> dict[str, float]:
    """Of the round's program, in a process with an empty cache and in one that finds it there."""
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(start / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
    }
    seconds = {}
    for name in ("cold", "cached"):
        with workers([REFERENCE], game, start, threads, environment) as made:
            seconds[name] = round(made[REFERENCE].ask("compile"), 3)
    return seconds


def _sampled(made, phases, samples: int, say: Say, game: str) -> dict[str, Any]:
    """phase -> variant -> its samples: seconds, and cores that others kept busy meanwhile."""
    names = list(dict.fromkeys(phase for own in phases.values() for phase in own))
    rows = {}
    for phase in names:
        players = {variant: worker for variant, worker in made.items() if phase in phases[variant]}
        for worker in players.values():  # the first of each may compile, the second still warms up
            worker.ask("sample", phase=phase), worker.ask("sample", phase=phase)
        taken = {variant: [] for variant in players}
        for _ in range(samples):
            for variant, worker in players.items():
                taken[variant].append(_sample(worker, phase))
        rows[phase] = {variant: _summary(values) for variant, values in taken.items()}
        for variant in players:
            rows[phase][variant]["over_reference"] = _ratio(taken[variant], taken[REFERENCE])
        own = rows[phase][REFERENCE]["median"]
        others = ", ".join(f"{v} {rows[phase][v]['median'] * 1e3:.0f}" for v in players if v != REFERENCE)
        say(f"{game} {phase}: {own * 1e3:.0f} ms; {others or 'alone'}")
    return rows


def _sample(worker: Worker, phase: str) -> tuple[float, float]:
    """(seconds, cores that others kept busy): the quietest of up to PATIENCE."""
    best = None
    for _ in range(PATIENCE):
        started, busy, own = time.monotonic(), machine.busy_seconds(), machine.process_seconds(worker.pid)
        seconds = worker.ask("sample", phase=phase)
        spent = machine.process_seconds(worker.pid) - own
        others = (machine.busy_seconds() - busy - spent) / (time.monotonic() - started)
        best = min(best or (seconds, others), (seconds, others), key=lambda pair: pair[1])
        if others < machine.QUIET:
            break
    return best


def _summary(values: Sequence[tuple[float, float]]) -> dict[str, Any]:
    seconds = sorted(each for each, _ in values)
    noisy = sum(others >= machine.QUIET for _, others in values)
    return {
        "median": statistics.median(seconds),
        "low": seconds[0],
        "high": seconds[-1],
        "samples": len(seconds),
        "noisy": noisy,
    }


def _ratio(values, reference) -> dict[str, float]:
    """This variant's times over the reference's, taken one after the other."""
    ratios = sorted(own / other for (own, _), (other, _) in zip(values, reference, strict=True))
    return {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}
