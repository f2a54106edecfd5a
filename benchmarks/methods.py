"""The command: every recipe of configs/methods.py, played from several seeds, and what came of it."""

import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from akd_jax import files, workdir
from akd_jax.cli import config_flag
from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError
from benchmarks import contest, kept, pool, report
from benchmarks.kept import Entry

CONFIGS = Path(__file__).parents[1] / "configs" / "methods.py"
FIGURES, PICTURE = "results.json", "top1.png"
QUICK = ("--config.schedule.epochs=1", "--config.schedule.filling=0")


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, plays, writes down and exits."""
    ending(lambda: _contest(sys.argv[1:] if arguments is None else arguments))


def _contest(arguments: list[str]) -> None:
    parser = Parser(
        description="Plays methods side by side. What an earlier call finished is not played again, and a run that was "
        "stopped goes on. --config.KEY=VALUE is passed on to every run."
    )
    parser.add_argument("--quick", action="store_true", help="an epoch of akd on the digits: whether it works")
    parser.add_argument("--workdir", type=Path, help="where the runs are, checkpoints and all; default: runs/methods")
    parser.add_argument(
        "--results", type=Path, help="where what is small of a finished run is kept; default: WORKDIR/results"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"all figures; default: RESULTS/{FIGURES}")
    parser.add_argument("--plot", type=Path, metavar="FILE", help=f"the picture; default: RESULTS/{PICTURE}")
    parser.add_argument("--grounds", default="digits", metavar="NAMES", help="default: %(default)s")
    parser.add_argument("--recipes", default="", metavar="NAMES", help="all by default")
    parser.add_argument("--seeds", default="0", metavar="NUMBERS", help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on its share of the cores")
    flags, settings = parser.parse_known_args(arguments)
    for setting in settings:
        if not setting.startswith("--config."):
            raise InputError(f"{setting}: no such flag; {parser.prog} --help lists them")
        if setting.removeprefix("--config.").partition("=")[0] in workdir.OF_MEMBERS:
            raise InputError(f"{setting}: a run has one seed here; --seeds says of which there are runs")
    if flags.quick:
        settings.extend(QUICK)
    # Absolute, since runs are played from the root of the repository.
    flags.workdir = (flags.workdir or Path("runs", "methods_quick" if flags.quick else "methods")).absolute()
    flags.results = flags.results or flags.workdir / "results"
    flags.json, flags.plot = flags.json or flags.results / FIGURES, flags.plot or flags.results / PICTURE
    entries = list(_entries(flags.grounds, flags.recipes or ("akd" if flags.quick else ""), flags.seeds))
    recipes = {entry.recipe_place: _recipe(entry, settings) for entry in entries}
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= flags.jobs <= len(cores):
        raise InputError(f"--jobs {flags.jobs}: this machine lets it have 1 to {len(cores)}")
    workdir.check_writable(flags.workdir, "--workdir")
    workdir.check_writable(flags.results, "--results")
    report.check(flags.json, "--json", ".json")
    report.check(flags.plot, "--plot", ".png")
    for place, recipe in recipes.items():
        kept.check_same(flags.results / place, recipe)
    for entry in entries:
        kept.check_same(flags.workdir / entry.place / "run", recipes[entry.recipe_place])

    missing = [entry for entry in entries if not kept.is_kept(flags.results / entry.place)]
    print(f"{len(entries)} runs, {len(missing)} of them to be played", flush=True)
    shares = [cores[i :: flags.jobs] for i in range(flags.jobs)]
    for entry in pool.played(missing, flags.workdir, settings, shares):
        kept.keep(flags.workdir / entry.place, flags.results / entry.place)
    # Of all that is kept, whoever played it: each run's summary says on which device and with which versions.
    measured = {"schema": 2, "grounds": contest.compared(flags.results)}
    print(contest.tables(measured))
    flags.json.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(flags.json, measured)
    flags.plot.parent.mkdir(parents=True, exist_ok=True)
    contest.draw(flags.results, flags.plot)


def _entries(grounds: str, recipes: str, seeds: str) -> Iterator[Entry]:
    """A seed of all before the next. Raises InputError for what there is none of."""
    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise InputError(f"--seeds {seeds}: give numbers, such as 0,1,2") from None
    for seed in numbers:
        for ground in grounds.split(","):
            for recipe in recipes.split(",") if recipes else _recipes(ground):
                yield Entry(ground, recipe, seed)


def _recipes(ground: str) -> list[str]:
    """All that are played on it. Raises InputError for no such ground."""
    lengths = {name: ground.lengths for name, ground in runpy.run_path(str(CONFIGS))["GROUNDS"].items()}
    if ground not in lengths:
        raise InputError(f"--grounds {ground}: unknown; give some of {','.join(lengths)}")
    return list(lengths[ground])


def _recipe(entry: Entry, settings: Sequence[str]) -> dict[str, Any]:
    """The settings that decide what its runs come to. Raises InputError for what cannot be played."""
    return workdir.recipe_of(config_flag.config_of([f"--config={entry.config}", *settings]))
