"""The command: every recipe of configs/methods.py, played from several seeds, and what came of it."""

import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from akd_jax import files, signals, workdir
from akd_jax.cli import config_flag
from akd_jax.cli.exits import Parser, ending
from akd_jax.config_dict import differences
from akd_jax.errors import InputError, StoppedError
from benchmarks import contest, report

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs" / "methods.py"
FIGURES, PICTURE = "results.json", "top1.png"
QUICK = ("--config.schedule.epochs=1", "--config.schedule.filling=0")
PAUSE = 0.5
"""Seconds between two looks at those that play."""


class Entry(NamedTuple):
    """One run: a recipe on a ground, from a seed."""

    ground: str
    recipe: str
    seed: int

    @property
    def config(self) -> str:
        return f"methods:{self.ground}_{self.recipe}"

    @property
    def recipe_place(self) -> Path:
        """Of the runs of all seeds, in the directory of all."""
        return Path(self.ground, self.recipe)

    @property
    def place(self) -> Path:
        """Of its files, likewise."""
        return self.recipe_place / f"seed_{self.seed}"


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
        _check_same(flags.results / place, recipe)
    for entry in entries:
        _check_same(flags.workdir / entry.place / "run", recipes[entry.recipe_place])

    missing = [entry for entry in entries if not _is_kept(flags.results / entry.place)]
    print(f"{len(entries)} runs, {len(missing)} of them to be played", flush=True)
    shares = [cores[i :: flags.jobs] for i in range(flags.jobs)]
    for entry in _played(missing, flags.workdir, settings, shares):
        _keep(flags.workdir / entry.place, flags.results / entry.place)
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


def _check_same(directory: Path, recipe: Mapping[str, Any]) -> None:
    """Raises InputError where what was played there, or kept of it, had other settings."""
    had = workdir.recipe(directory)
    changed = differences(had, recipe) if had else {}
    if changed:
        text = ", ".join(f"{key} {old!r} -> {new!r}" for key, (old, new) in changed.items())
        raise InputError(f"{directory} is of other settings ({text}): take another --workdir, and other --results")


def _played(
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


def _keep(played: Path, kept: Path) -> None:
    """What it came to, and with which settings, with no path of this machine in it.

    Raises InputError where another teacher taught those kept beside it.
    """
    summary = files.read_json(played / "run" / workdir.SUMMARY)
    others = [files.read_json(path) for path in kept.parent.glob(f"seed_*/{workdir.SUMMARY}")]
    if any(other["teacher"]["digest"] != summary["teacher"]["digest"] for other in others):
        raise InputError(f"{kept.parent} has runs of another teacher: take other --results")
    kept.mkdir(parents=True, exist_ok=True)
    settings = files.read_json(played / "run" / workdir.CONFIG)
    settings["teacher"]["path"] = Path(settings["teacher"]["path"]).name
    settings["evaluation"]["data_dir"], settings["compilation"]["cache"] = "", ""
    files.write_json(kept.parent / workdir.CONFIG, settings)
    shutil.copyfile(played / "run" / workdir.HISTORY, kept / workdir.HISTORY)
    summary["teacher"]["source"] = Path(summary["teacher"]["source"]).name
    files.write_json(kept / workdir.SUMMARY, summary)  # last: it says that all is kept


def _is_kept(directory: Path) -> bool:
    path = directory / workdir.SUMMARY
    return path.exists() and files.read_json(path)["finished"]
