"""The command: what is measured, and where the figures go."""

import os
import sys
from pathlib import Path

from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError
from akd_jax.optional import why_missing
from benchmarks import figures, machine, report, side_by_side
from benchmarks.side_by_side import VARIANTS, Disagreement, Failed, workers

FULL, QUICK = ("seed", "dfad"), ("tiny",)


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, measures and exits."""
    ending(lambda: _benchmark(sys.argv[1:] if arguments is None else arguments))


def _benchmark(arguments: list[str]) -> None:
    parser = Parser(description="Times this package side by side with the same game in PyTorch and in plain Flax.")
    parser.add_argument("--quick", action="store_true", help="a tiny game, two samples: whether it works, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios there (.png)")
    parser.add_argument("--games", default="", metavar="NAMES", help=f"of {','.join(FULL)}; both by default")
    parser.add_argument("--variants", default=",".join(VARIANTS), metavar="NAMES", help="all by default")
    parser.add_argument("--threads", type=int, default=len(_cores()), help="cores that each may use")
    parser.add_argument("--samples", type=int, help="of each phase and variant, rounds twice as many; 7 by default")
    flags = parser.parse_args(arguments)
    games = flags.games.split(",") if flags.games else QUICK if flags.quick else FULL
    variants = _variants(flags.variants.split(","))
    for name in games:
        if name not in (*FULL, *QUICK):
            raise InputError(f"--games {name}: unknown; give some of {','.join((*FULL, *QUICK))}")
    if not 1 <= flags.threads <= len(_cores()):
        raise InputError(f"--threads {flags.threads}: this machine lets it have 1 to {len(_cores())}")
    samples = (2 if flags.quick else 7) if flags.samples is None else flags.samples
    if samples < 1:
        raise InputError(f"--samples {flags.samples}: at least 1")
    report.check(flags.json, "--json", ".json")
    report.check(flags.plot, "--plot", ".png")

    how = {"threads": flags.threads, "samples": samples, "patience": 1 if flags.quick else machine.PATIENCE}
    try:
        measured = {
            "machine": machine.facts(),
            "threads": flags.threads,
            "matmul_flops_per_second": _peak(games[0], flags.threads),
            "games": {game: side_by_side.measure(game, variants, **how, say=_say) for game in games},
        }
    except (Disagreement, Failed) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    print(figures.tables(measured))
    if flags.json:
        report.write(flags.json, ["scripts/benchmark.py", *arguments], measured)
    if flags.plot:
        flags.plot.parent.mkdir(parents=True, exist_ok=True)
        figures.draw(measured, flags.plot)


def _say(line: str) -> None:
    print(line, flush=True)


def _variants(names: list[str]) -> list[str]:
    for name in names:
        if name not in VARIANTS:
            raise InputError(f"--variants {name}: unknown; give some of {','.join(VARIANTS)}")
    reason = why_missing("torch")
    if reason:
        print(f"without PyTorch ({reason}): pip install torch for its columns")
    chosen = [name for name in VARIANTS if name in names and not (reason and name.startswith("torch"))]
    return [side_by_side.REFERENCE, *(name for name in chosen if name != side_by_side.REFERENCE)]


def _cores() -> set[int]:
    return os.sched_getaffinity(0)


def _peak(game: str, threads: int) -> float:
    """Of a matrix product of 2048 x 2048 float32, floating-point operations a second."""
    with workers([side_by_side.REFERENCE], game, Path("."), threads) as made:
        return made[side_by_side.REFERENCE].ask("matmul")
