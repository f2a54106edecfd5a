"""sweep.json: who takes part in a sweep, and what came of it; and the table of that for people."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from akd_jax import spread
from akd_jax.training.sweep import Member

SCHEMA = 1


def summarise(name: str, members: Sequence[Member], summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """name: of the config. summaries: member -> its summary.json, of those that have one.

    members: name -> its seed and swept settings. results: for each combination of settings, over its seeds, by student
    and split, of the last and of the best evaluation: what `spread.of_top1` finds.
    """
    groups = [(settings, list(group)) for settings, group in itertools.groupby(members, lambda member: member.settings)]
    return {
        "schema": SCHEMA,
        "config": name,
        "members": record(members),
        "results": [
            {"settings": dict(settings), "members": [member.name for member in group], "students": students}
            for settings, group in groups
            if (students := _students([summaries[member.name] for member in group if member.name in summaries]))
        ],
    }


def record(members: Iterable[Member]) -> dict[str, dict[str, Any]]:
    """Who takes part: name -> seed and swept settings."""
    return {member.name: {"seed": member.config.seed, **member.settings} for member in members}


def _students(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Student -> split -> of last and best, the figures of these runs."""
    if not summaries:
        return {}
    return {
        student: {
            split: {
                when: spread.of_top1([summary["students"][student][when].get(split, {}) for summary in summaries])
                for when in ("last", "best")
            }
            for split in splits["last"]
        }
        for student, splits in summaries[0]["students"].items()
    }


def table(told: Mapping[str, Any]) -> list[str]:
    """Lines for people, of what `summarise` found: the last evaluation beside the best."""
    rows = [("settings", "student", "split", "last top-1", "best top-1", "seeds")]
    for result in told["results"]:
        settings = ", ".join(f"{key}={number!r}" for key, number in result["settings"].items()) or "-"
        for student, splits in result["students"].items():
            for split, found in splits.items():
                last, best = found["last"], found["best"]
                seeds = str(sum(value is not None for value in last["top1"]))
                rows.append((settings, student, split, spread.percent(last), spread.percent(best), seeds))
    if not told["results"] or len(rows) == 1:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
