"""python -m benchmarks.profile --json FILE: what a round's time goes to, by kind of operation, ours beside PyTorch's.

On one core, since times of operations that run at once do not add up; in turn, by each library's own profiler.
"""

import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError
from akd_jax.optional import why_missing
from benchmarks import figures, machine, report
from benchmarks.games import check_known, config_of, times
from benchmarks.kinds import KINDS, OTHERS, WALL
from benchmarks.side_by_side import REFERENCE
from benchmarks.workers import Failed, Place, Worker, workers

PEERS = ("torch", "torch_tuned")
PHASES = ("round", "generator_step")
ROWS = (*KINDS, OTHERS, WALL)


def main(arguments: list[str] | None = None) -> None:
    """Measures and writes."""
    ending(lambda: _profile(sys.argv[1:] if arguments is None else arguments))


def _profile(arguments: list[str]) -> None:
    parser = Parser(description="What a round's time goes to, by kind of operation, on one core.")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--games", default="seed,dfad", metavar="NAMES", help="default: %(default)s")
    parser.add_argument("--samples", type=int, default=5, help="of each; default: %(default)s")
    flags = parser.parse_args(arguments)
    names = flags.games.split(",")
    check_known(names)
    if flags.samples < 1:
        raise InputError(f"--samples {flags.samples}: at least 1")
    report.check(flags.json, "--json", ".json")
    if reason := why_missing("torch"):
        raise InputError(f"nothing to be put beside ours: PyTorch cannot be had ({reason}); pip install torch")
    try:
        games = {name: measure(name, flags.samples) for name in names}
    except Failed as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    measured = {"machine": machine.facts(), "threads": 1, "games": games}
    print(table(measured))
    report.write(flags.json, ["-m", "benchmarks.profile", *arguments], measured)


def measure(game: str, samples: int, patience: int = machine.PATIENCE) -> dict[str, Any]:
    """Phase -> variant -> kind -> spread of its seconds in one such phase; and how many samples were noisy."""
    place = Place(threads=1)
    with tempfile.TemporaryDirectory() as directory:
        start = Path(directory)
        with workers([REFERENCE], game, start, place) as made:
            made[REFERENCE].ask("prepare")
        with workers([REFERENCE, *PEERS], game, start, place) as made:
            for worker in made.values():
                worker.ask("phases")
            return {phase: _sampled(made, game, phase, samples, patience) for phase in PHASES}


def _sampled(made: Mapping[str, Worker], game: str, phase: str, samples: int, patience: int) -> dict[str, Any]:
    taken: dict[str, list[tuple[dict[str, float], float]]] = {variant: [] for variant in made}
    for worker in made.values():
        worker.ask("ready", phase=phase)
    for _ in range(samples):
        for variant, worker in made.items():
            ask = partial(worker.ask, "kinds", phase=phase)
            taken[variant].append(machine.quietest(ask, worker.pid, patience=patience))
    count = times(config_of(game))[phase]
    found = {
        variant: {kind: machine.spread([seconds[kind] / count for seconds, _ in values]) for kind in ROWS}
        | {"noisy": sum(others >= machine.QUIET for _, others in values)}
        for variant, values in taken.items()
    }
    walls = ", ".join(f"{variant} {1e3 * kinds[WALL]['median']:.0f} ms" for variant, kinds in found.items())
    print(f"{game} {phase}: {walls}", flush=True)
    return found


def table(measured: Mapping[str, Any]) -> str:
    """Markdown: milliseconds of each."""
    lines = [f"| on one core, ms | | {' | '.join(ROWS)} |", "|---" * (len(ROWS) + 2) + "|"]
    for game, phases in measured["games"].items():
        for phase, variants in phases.items():
            for variant, kinds in variants.items():
                cells = (f"{1e3 * kinds[kind]['median']:,.0f}" for kind in ROWS)
                lines.append(f"| {game}, {figures.PHASES[phase]} | {figures.NAMES[variant]} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
