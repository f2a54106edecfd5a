"""The command: what is measured, and where the figures go."""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError
from akd_jax.optional import why_missing
from benchmarks import bars, figures, machine, report, side_by_side
from benchmarks.games import check_known, config_of, has_bank
from benchmarks.side_by_side import VARIANTS, Disagreement
from benchmarks.workers import Failed, Place, workers

FULL, QUICK = ("seed", "dfad", "fast"), ("tiny",)
PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}
"""What --device may be -> JAX's name of it."""

MATMUL = {"cpu": 2048, "gpu": 8192}
"""Side of the matrices whose product is timed."""


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, measures and exits."""
    ending(lambda: _benchmark(sys.argv[1:] if arguments is None else arguments))


def _benchmark(arguments: list[str]) -> None:
    parser = Parser(description="Times this package side by side with the same game in PyTorch and in plain Flax.")
    parser.add_argument("--quick", action="store_true", help="a tiny game, two samples: whether it works, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios there (.png)")
    parser.add_argument("--device", choices=PLATFORMS, default="cpu", help="gpu: in JAX only, at full size")
    parser.add_argument("--batch", type=int, help="images a step, with --device gpu; 256 by default")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), help="with --device gpu; bfloat16 by default")
    parser.add_argument("--games", default="", metavar="NAMES", help=f"of {','.join(FULL)}; all by default")
    parser.add_argument("--variants", default="", metavar="NAMES", help=f"of {','.join(VARIANTS)}; all by default")
    parser.add_argument("--threads", type=int, default=len(_cores()), help="cores that each may use")
    parser.add_argument("--samples", type=int, help="of each phase and variant, rounds twice as many; 7 by default")
    flags = parser.parse_args(arguments)
    games = flags.games.split(",") if flags.games else QUICK if flags.quick else FULL
    variants = _variants(flags.variants, flags.device)
    check_known(games)
    if not 1 <= flags.threads <= len(_cores()):
        raise InputError(f"--threads {flags.threads}: this machine lets it have 1 to {len(_cores())}")
    samples = (2 if flags.quick else 7) if flags.samples is None else flags.samples
    if samples < 1:
        raise InputError(f"--samples {flags.samples}: at least 1")
    report.check(flags.json, "--json", ".json")
    report.check(flags.plot, "--plot", ".png")

    place = _place(flags)
    patience = 1 if flags.quick else machine.PATIENCE

    def measure(game: str) -> dict[str, Any]:
        able = _able(variants, game)
        if able == [side_by_side.REFERENCE] and not place.is_host:
            return side_by_side.alone(game, place, samples=samples, say=_say)
        return side_by_side.measure(game, able, place, samples=samples, patience=patience, say=_say)

    try:
        measured = {
            "machine": machine.facts(),
            "threads": flags.threads,
            **_device(games[0], place, size=512 if flags.quick else MATMUL[flags.device]),
            "games": {game: measure(game) for game in games},
        }
    except (Disagreement, Failed) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    print(figures.tables(measured))
    if flags.json:
        report.write(flags.json, ["scripts/benchmark.py", *arguments], measured)
    if flags.plot:
        flags.plot.parent.mkdir(parents=True, exist_ok=True)
        bars.draw(measured, flags.plot)


def _say(line: str) -> None:
    print(line, flush=True)


def _place(flags: Namespace) -> Place:
    if flags.device == "cpu":
        for flag, value in (("batch", flags.batch), ("dtype", flags.dtype)):
            if value is not None:
                raise InputError(f"--{flag} {value}: goes with --device gpu")
        return Place(flags.threads)
    if flags.batch is not None and flags.batch < 2:
        raise InputError(f"--batch {flags.batch}: at least 2")
    changes = {"dtype": flags.dtype or "bfloat16"}
    if flags.batch is not None or not flags.quick:
        changes["batch_size"] = 256 if flags.batch is None else flags.batch
    return Place(flags.threads, flags.device, PLATFORMS[flags.device], changes)


def _variants(wanted: str, device: str) -> list[str]:
    """The reference first."""
    names = wanted.split(",") if wanted else [v for v in VARIANTS if device == "cpu" or not _is_torch(v)]
    for name in names:
        if name not in VARIANTS:
            raise InputError(f"--variants {name}: unknown; give some of {','.join(VARIANTS)}")
        if _is_torch(name) and device != "cpu":
            raise InputError(f"--variants {name}: PyTorch is measured on the CPU alone")
    reason = why_missing("torch") if any(map(_is_torch, names)) else ""
    if reason:
        print(f"without PyTorch ({reason}): pip install torch for its columns")
    chosen = [name for name in VARIANTS if name in names and not (reason and _is_torch(name))]
    return [side_by_side.REFERENCE, *(name for name in chosen if name != side_by_side.REFERENCE)]


def _able(variants: list[str], game: str) -> list[str]:
    """Those that the game is written for: the plain Flax loop has no networks of games with a bank."""
    return [variant for variant in variants if variant != "flax" or not has_bank(config_of(game))]


def _is_torch(variant: str) -> bool:
    return variant.startswith("torch")


def _cores() -> set[int]:
    return os.sched_getaffinity(0)


def _device(game: str, place: Place, *, size: int) -> dict[str, Any]:
    """What it reaches in a product of size x size, and, if it is not the CPU, what it is and what is played there.

    Raises InputError where it is not here.
    """
    with workers([side_by_side.REFERENCE], game, Path("."), place) as made:
        worker = made[side_by_side.REFERENCE]
        found = worker.ask("device")
        if missing := found.pop("missing"):
            raise InputError(
                f"--device {place.device}: JAX cannot use one here ({missing}); install '.[cuda]' where there is one"
            )
        product = {"size": size, "dtype": place.changes.get("dtype", "float32")}
        own = {"matmul_flops_per_second": worker.ask("matmul", **product)}
    return own if place.is_host else own | {"matmul": product, "device": found, "changes": place.changes}
