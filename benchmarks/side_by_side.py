"""Variants of a game in processes of their own, sampled in turn while the machine is quiet."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.workers import Place, Worker, workers

VARIANTS = ("jax", "jax_stepwise", "flax", "torch", "torch_tuned", "torch_compiled")
REFERENCE = "jax"

OFTEN = {"round": 2}
"""Phase -> how many times as many samples are taken of it, since the targets are about it."""

MOST_APART = 1e-6
"""Relative difference of a step's loss in float64 from ours, beyond which a variant plays another game."""

Say = Callable[[str], None]


class Disagreement(Exception):
    """Two variants do not play the same game."""


def measure(
    game: str, variants: Sequence[str], place: Place, *, samples: int, patience: int, say: Say
) -> dict[str, Any]:
    """All of one game: agreement in a smaller one, compile times, peak memory, times, what a dispatch would be.

    Raises Disagreement where a variant plays another game.
    """
    with tempfile.TemporaryDirectory() as directory:
        start = Path(directory)
        with workers([REFERENCE], game, start, place) as made:
            made[REFERENCE].ask("prepare")
            flops = made[REFERENCE].ask("flops")
        apart = _apart(game, variants, start, place, say)
        compiling = _compile_seconds(game, start, place)
        say(f"{game}: {', '.join(f'{how} {_parts(parts)}' for how, parts in compiling.items())}")
        with workers(variants, game, start, place) as made:
            timed = _timed(made, place, samples, patience, say, game)
    return {"losses_apart": apart, "flops": flops, "compile_seconds": compiling, **timed}


def alone(game: str, place: Place, *, samples: int, say: Say) -> dict[str, Any]:
    """What `measure` finds of ours where it is compared with nobody, in one process: waking a GPU takes longer than
    what is measured.
    """
    with tempfile.TemporaryDirectory() as directory, workers([REFERENCE], game, Path(directory), place) as made:
        ask = made[REFERENCE].ask
        flops, compiling = ask("flops"), {"cold": ask("compile")}
        say(f"{game}: cold {_parts(compiling['cold'])}")
        timed = _timed(made, place, samples, 1, say, game)
    return {"losses_apart": {}, "flops": flops, "compile_seconds": compiling, **timed}


def _apart(game: str, variants: Sequence[str], start: Path, place: Place, say: Say) -> dict[str, float]:
    """Variant -> the largest relative difference of its losses in float64 from the reference's."""
    losses = {}
    for variant in dict.fromkeys([REFERENCE, *variants]):
        with workers([variant], game, start, place) as made:
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


def _compile_seconds(game: str, start: Path, place: Place) -> dict[str, dict[str, float]]:
    """Of the round's program, in a process with an empty cache and in one that finds it there."""
    seconds = {}
    for name in ("cold", "cached"):
        with workers([REFERENCE], game, start, place) as made:
            seconds[name] = made[REFERENCE].ask("compile")
    return seconds


def _parts(seconds: dict[str, float]) -> str:
    return " + ".join(f"{what} {value:.1f} s" for what, value in seconds.items())


def _timed(made: dict[str, Worker], place: Place, samples: int, patience: int, say: Say, game: str) -> dict[str, Any]:
    """What is found of variants while they play."""
    rows, memory = _sampled(made, place, samples, patience, say, game)
    dispatch = made[REFERENCE].ask("dispatch", seconds=rows["round"][REFERENCE]["median"])
    return {"dispatch": dispatch, "peak_memory": memory, "rows": rows}


def _sampled(
    made: dict[str, Worker], place: Place, samples: int, patience: int, say: Say, game: str
) -> tuple[dict[str, dict[str, Any]], dict[str, int | None]]:
    """(phase -> variant -> summary of its samples, variant -> bytes at most while it played rounds).

    Bytes of the device, None where it does not tell. What others do on a host's cores says nothing of a GPU's samples.
    """
    phases = {variant: worker.ask("phases") for variant, worker in made.items()}
    if not place.is_host:  # a file is read by the host
        phases = {variant: [phase for phase in names if phase != "conversion"] for variant, names in phases.items()}
    rows, memory = {}, {}
    for phase in phases[REFERENCE]:
        players = {variant: worker for variant, worker in made.items() if phase in phases[variant]}
        counts = {variant: worker.ask("ready", phase=phase) for variant, worker in players.items()}
        taken = {variant: [] for variant in players}
        for number in range(samples * OFTEN.get(phase, 1)):
            for variant in _rotated(list(players), number):
                ask = partial(players[variant].ask, "sample", phase=phase, count=counts[variant])
                quiet = partial(machine.quietest, ask, players[variant].pid, patience=patience)
                taken[variant].append(quiet() if place.is_host else (ask(), 0.0))
        rows[phase] = {variant: summary(values, taken[REFERENCE]) for variant, values in taken.items()}
        if not memory:  # after the first phase, which is the round
            memory = {variant: worker.ask("memory", host=place.is_host) for variant, worker in players.items()}
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
