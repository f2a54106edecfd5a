"""compare.py: what several runs came to, as one table."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from akd_jax import comparison, files, workdir
from akd_jax.cli.exits import Parser, ending
from akd_jax.comparison import Told
from akd_jax.errors import InputError

TABLE, FIGURES = "report.md", "report.json"


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, compares and exits."""
    ending(lambda: _compare(sys.argv[1:] if arguments is None else arguments))


def _parser() -> Parser:
    parser = Parser(description="Puts runs side by side; those that differ in nothing but the seed are one row.")
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="a run, a sweep, or a directory that has some"
    )
    parser.add_argument("--split", default="test", help="whose top-1 is told, default: %(default)s")
    parser.add_argument(
        "--out", type=Path, help=f"directory for {TABLE}, {FIGURES} and every run's curves, summary and settings"
    )
    return parser


def _compare(arguments: list[str]) -> None:
    flags = _parser().parse_args(arguments)
    if flags.out:
        workdir.check_writable(flags.out, "--out")
    runs = list(_found(flags.runs))
    if flags.out and len({name for name, _ in runs}) < len(runs):
        raise InputError("--out keeps every run under its name, and two have the same: rename one")
    compared = comparison.compare((_told(run) for _, run in runs), flags.split)
    table = comparison.markdown(compared)
    print(table, end="")
    if flags.out:
        flags.out.mkdir(parents=True, exist_ok=True)
        files.write_json(flags.out / FIGURES, compared)
        files.write_bytes(flags.out / TABLE, table.encode())
        for name, run in runs:
            kept = flags.out / name
            kept.mkdir(parents=True, exist_ok=True)
            for file in (workdir.SUMMARY, workdir.CONFIG, workdir.CURVES):
                if (run / file).exists():
                    shutil.copyfile(run / file, kept / file)
        print(f"written: {flags.out}")


def _told(run: Path) -> Told:
    return Told(files.read_json(run / workdir.SUMMARY), workdir.recipe(run))


def _found(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """(name, directory) of the runs of these paths that have been measured. Raises InputError where a path has none."""
    for path in paths:
        runs = list(_measured(path)) or [run for each in sorted(path.glob("*")) for run in _measured(each)]
        if not runs:
            raise InputError(f"{path} holds no run with a {workdir.SUMMARY}: let one train to its first evaluation")
        yield from runs


def _measured(directory: Path) -> Iterator[tuple[str, Path]]:
    """The run that it is, or the members of the sweep that it is, "SWEEP/MEMBER" each."""
    name = directory.absolute().name
    if (directory / workdir.SUMMARY).exists():
        yield name, directory
    elif (directory / workdir.SWEEP).exists():
        for summary in sorted(directory.glob(f"*/{workdir.SUMMARY}")):
            yield f"{name}/{summary.parent.name}", summary.parent
