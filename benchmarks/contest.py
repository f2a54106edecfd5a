"""What methods came to on each ground: tables, and top-1 against what was spent."""

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from akd_jax import comparison, files, spread, workdir
from akd_jax.comparison import Told
from akd_jax.errors import InputError
from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS
from benchmarks import kept

AGAINST = {"teacher_queries": ("thousands of images shown to the teacher", 1000), "wall_seconds": ("minutes", 60)}
"""What a curve is drawn against -> its name, and its unit."""


def compared(results: Path) -> dict[str, list[dict[str, Any]]]:
    """Ground -> a row a recipe, the highest mean test top-1 at the last evaluation first.

    results: has GROUND/RECIPE/seed_N, with the summary and the history of each run. A row is as of `compare`, and has
    best_on_test, the top-1 at the evaluation at which that was highest; by_agreement, that at the one at which student
    and teacher agreed most on images without labels (`look_back`), None where nobody knows; agreement, with the teacher
    at the last; and student_steps, None without settings beside the runs.
    Raises InputError where runs of one recipe are of several teachers, students or lengths, and where one was not
    measured on test images.
    """
    return {
        ground: sorted(
            (_row(runs) for runs in recipes.values()), key=lambda row: row["last"]["mean"] or 0.0, reverse=True
        )
        for ground, recipes in kept.found(results).items()
    }


def _row(runs: Sequence[Path]) -> dict[str, Any]:
    summaries = [files.read_json(run / workdir.SUMMARY) for run in runs]
    split = _told_of(runs[0])
    row, *others = comparison.compare([Told(summary, {}) for summary in summaries], split)["rows"]
    if others or len({summary["flops"] for summary in summaries if summary["finished"]}) > 1:
        raise InputError(
            f"{runs[0].parent} has runs of several teachers, students or lengths: keep those of each elsewhere"
        )
    last = [summary["students"][row["student"]]["last"].get(split) for summary in summaries]
    if None in last:
        raise _not_measured(runs[last.index(None)], split)
    peaks = [{"top1": max(point["top1"] for point in _curve(run, split))} for run in runs]
    picked = [(summary["students"][row["student"]].get("by_agreement") or {}).get("top1", {}) for summary in summaries]
    return row | {
        "best_on_test": spread.of_top1(peaks),
        "by_agreement": spread.of_top1([{"top1": top1.get(split)} for top1 in picked]),
        "agreement": spread.mean([measures["agreement"] for measures in last]),
        "student_steps": spread.mean(
            [_student_steps(run, summary) for run, summary in zip(runs, summaries, strict=True)]
        ),
    }


def _student_steps(run: Path, summary: Mapping[str, Any]) -> int | None:
    """In all rounds but those that fill a bank."""
    recipe = workdir.recipe(run.parent)
    if not recipe:
        return None
    own = FAMILIES[METHODS[recipe["method"]]].group
    filling = recipe["schedule.filling"] * recipe["schedule.rounds_per_epoch"]
    return (summary["rounds"] - filling) * recipe.get(f"{own}.student_steps", 1)


def _told_of(run: Path) -> str:
    """The split that its row is of: test, or the last part of that, where an earlier one picks the best evaluation."""
    (student, *_) = files.read_json(run / workdir.SUMMARY)["students"].values()
    split = next((name for name in reversed(student["last"]) if name.partition("[")[0] == "test"), None)
    if split is None:
        raise _not_measured(run, "test")
    return split


def _not_measured(run: Path, split: str) -> InputError:
    return InputError(f"{run}: not measured on {split}; name that in --config.evaluation.splits")


def _curve(run: Path, split: str) -> Iterator[dict[str, float]]:
    """The run's evaluations on the split: top1, and what was spent until then."""
    with (run / workdir.HISTORY).open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == split and row["top1"]:
                yield {key: float(row[key]) for key in ("top1", *AGAINST)}


def tables(measured: Mapping[str, Any]) -> str:
    """Markdown: a table a ground."""
    return "\n\n".join(_table(ground, rows) for ground, rows in measured["grounds"].items())


def _table(ground: str, rows: Sequence[Mapping[str, Any]]) -> str:
    head = [
        ground, "seeds", "test top-1, last", "best by validation", "best by agreement", "best by test",
        "agreement, last", "student steps", "images shown to the teacher", "operations", "minutes", "on",
    ]  # fmt: skip
    lines = [head, ["---"] * len(head), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(row: Mapping[str, Any]) -> list[str]:
    unfinished = "" if row["finished"] else " (not finished)"
    return [
        row["config"].rpartition("_")[2] + unfinished,
        str(len(row["seeds"])),
        *(spread.percent(row[when]) for when in ("last", "best", "by_agreement", "best_on_test")),
        f"{100 * row['agreement']:.2f} %",
        "-" if row["student_steps"] is None else f"{row['student_steps']:,.0f}",
        f"{row['teacher_queries']:,.0f}",
        f"{row['flops']:.2e}",
        f"{row['wall_seconds'] / 60:.1f}",
        "; ".join(row["devices"]),
    ]


def draw(results: Path, path: Path) -> None:
    """A line of panels a ground: every recipe's test top-1, mean and range of its seeds, against what was spent.

    A recipe has one colour on all grounds.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    found = kept.found(results)
    names = sorted({recipe for recipes in found.values() for recipe in recipes})
    strong_and_pale = colormaps["tab20"].colors  # in turn
    colours = dict(zip(names, itertools.cycle(strong_and_pale[::2] + strong_and_pale[1::2]), strict=False))
    figure = Figure(figsize=(5 * len(AGAINST), 3.2 * len(found)), layout="constrained")
    for axes, (ground, recipes) in zip(
        figure.subplots(len(found), len(AGAINST), squeeze=False), found.items(), strict=True
    ):
        for axis, (key, (name, unit)) in zip(axes, AGAINST.items(), strict=True):
            for recipe, runs in recipes.items():
                split = _told_of(runs[0])
                evaluations = list(zip(*(_curve(run, split) for run in runs), strict=False))
                spent = [spread.mean([point[key] / unit for point in each]) for each in evaluations]
                top1 = [[100 * point["top1"] for point in each] for each in evaluations]
                axis.plot(spent, [spread.mean(each) for each in top1], color=colours[recipe], linewidth=1.2)
                low, high = [min(each) for each in top1], [max(each) for each in top1]
                axis.fill_between(spent, low, high, color=colours[recipe], alpha=0.15, linewidth=0)
            axis.set_xlabel(name)
            axis.set_title(ground)
        axes[0].set_ylabel("test top-1, %")
    lines = [Line2D([], [], color=colour) for colour in colours.values()]
    figure.legend(lines, names, loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=110)
