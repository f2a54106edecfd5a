"""Variants of a game in processes of their own, sampled in turn while the machine is quiet."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine

ROOT = Path(__file__).parents[1]
VARIANTS = ("jax", "jax_stepwise", "flax", "torch", "torch_tuned", "torch_compiled")
REFERENCE = "jax"
UNSET = ("OMP_", "KMP_", "GOMP_", "MKL_", "XLA_", "JAX_", "TORCH")
"""How names of environment variables begin that are not passed on: everybody plays with the defaults, on the CPU."""

OFTEN = {"round": 2}
"""Phase -> how many times as many samples are taken of it, since the targets are about it."""

MOST_APART = 1e-6
"""Relative difference of a step's loss in float64 from ours, beyond which a variant plays another game."""

Say = Callable[[str], None]


class Disagreement(Exception):
    """Two variants do not play the same game."""


class Failed(Exception):
    """A variant's process ended; what it printed last."""


class Worker:
    """A process that answers one request at a time; see worker.py."""

    def __init__(self, variant: str, game: str, start: Path, threads: int):
        command = [sys.executable, "-m", "benchmarks.worker", variant, game, str(start), str(threads)]
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        cores = set(sorted(os.sched_getaffinity(0))[:threads])
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith(UNSET)}
            | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
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


def measure(
    game: str, variants: Sequence[str], *, threads: int, samples: int, patience: int, say: Say
) -> dict[str, Any]:
    """All of one game: agreement in a smaller one, compile times, peak memory, times.

    Raises Disagreement where a variant plays another game.
    """
    with tempfile.TemporaryDirectory() as directory:
        start = Path(directory)
        with workers([REFERENCE], game, start, threads) as made:
            made[REFERENCE].ask("prepare")
            flops = made[REFERENCE].ask("flops")
        apart = _apart(game, variants, start, threads, say)
        compiling = _compile_seconds(game, start, threads)
        say(f"{game}: {', '.join(f'{how} {_parts(parts)}' for how, parts in compiling.items())}")
        with workers(variants, game, start, threads) as made:
            rows, memory = _sampled(made, samples, patience, say, game)
    return {"losses_apart": apart, "flops": flops, "compile_seconds": compiling, "peak_memory": memory, "rows": rows}


def _apart(game: str, variants: Sequence[str], start: Path, threads: int, say: Say) -> dict[str, float]:
    """Variant -> the largest relative difference of its losses in float64 from the reference's."""
    losses = {}
    for variant in dict.fromkeys([REFERENCE, *variants]):
        with workers([variant], game, start, threads) as made:
            losses[variant] = made[variant].ask("losses")
    wanted, found = losses[REFERENCE], {}
    for variant in variants:
        pairs = zip(losses[variant], wanted, strict=True)
        found[variant] = max(abs(own - other) / abs(other) for own, other in pairs)
        say(f"{game}: {variant} plays the same game: losses in float64 differ by {found[variant]:.1e} at most")
        if not found[variant] <= MOST_APART:
            raise Disagreement(
                f"{variant} does not play the game that it is compared with: {losses[variant]}, {wanted}"
            )
    return found


def _compile_seconds(game: str, start: Path, threads: int) -> dict[str, dict[str, float]]:
    """Of the round's program, in a process with an empty cache and in one that finds it there."""
    seconds = {}
    for name in ("cold", "cached"):
        with workers([REFERENCE], game, start, threads) as made:
            seconds[name] = made[REFERENCE].ask("compile")
    return seconds


def _parts(seconds: dict[str, float]) -> str:
    return " + ".join(f"{what} {value:.1f} s" for what, value in seconds.items())


def _sampled(
    made: dict[str, Worker], samples: int, patience: int, say: Say, game: str
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """(phase -> variant -> summary of its samples, variant -> bytes at most while it played rounds)."""
    phases = {variant: worker.ask("phases") for variant, worker in made.items()}
    rows, memory = {}, {}
    for phase in phases[REFERENCE]:
        players = {variant: worker for variant, worker in made.items() if phase in phases[variant]}
        counts = {variant: worker.ask("ready", phase=phase) for variant, worker in players.items()}
        taken = {variant: [] for variant in players}
        for number in range(samples * OFTEN.get(phase, 1)):
            for variant in _rotated(list(players), number):
                ask = partial(players[variant].ask, "sample", phase=phase, count=counts[variant])
                taken[variant].append(machine.quietest(ask, players[variant].pid, patience=patience))
        rows[phase] = {variant: summary(values, taken[REFERENCE]) for variant, values in taken.items()}
        if not memory:  # after the first phase, which is the round
            memory = {variant: worker.ask("memory") for variant, worker in players.items()}
        own = rows[phase][REFERENCE]["median"]
        others = ", ".join(f"{v} {rows[phase][v]['median'] * 1e3:.0f}" for v in players if v != REFERENCE)
        say(f"{game} {phase}: {own * 1e3:.0f} ms; {others or 'alone'}")
    return rows, memory


def _rotated(names: list[str], by: int) -> list[str]:
    """Another one first each time: whoever follows a noisy neighbour does not always do so."""
    by %= len(names)
    return names[by:] + names[:by]


def summary(values: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Of (seconds, cores that others kept busy): seconds; how many of them were noisy; reference's seconds over them.

    The ratios are of samples taken in the same turn.
    """
    ratios = [own / other for (other, _), (own, _) in zip(values, reference, strict=True)]
    return {
        **machine.spread([seconds for seconds, _ in values]),
        "samples": len(values),
        "noisy": sum(others >= machine.QUIET for _, others in values),
        "ours_over": machine.spread(ratios),
    }
