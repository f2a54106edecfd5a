"""Runs side by side, from what they say of themselves: the seeds of one recipe together, with mean and deviation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from akd_jax import spread

SCHEMA = 1


class Told(NamedTuple):
    """What a run says of itself. summary: of summary.json. settings: full key -> value, of those that decide what
    it comes to beside the seed; {} where nobody knows them.
    """

    summary: Mapping[str, Any]
    settings: Mapping[str, Any]


def compare(runs: Iterable[Told], split: str) -> dict[str, Any]:
    """split: whose top-1 counts, e.g. "test".

    Returns {"schema", "split", "rows"}: a row for each config, teacher, settings and student in the order in which they
    come, named after the config and the settings that rows of one config differ in, with the seeds that were run, their
    top-1 in [0, 1] at the last and at the best evaluation (None where the split was not measured), and the means over
    them of what a run took: teacher_queries, flops, wall_seconds, images_per_second, and mfu and peak_memory_bytes
    where the runs know them.
    """
    groups: dict[tuple[str, ...], list[Told]] = {}
    for run in runs:
        teacher = run.summary["teacher"] or {}
        own = repr(sorted(run.settings.items()))
        for student in run.summary["students"]:
            groups.setdefault((run.summary["config"], teacher.get("digest", ""), own, student), []).append(run)
    rows = []
    for (config, *_, student), group in groups.items():
        alike = [of[0].settings for key, of in groups.items() if (key[0], key[-1]) == (config, student)]
        rows.append(_row(_named(group[0], alike), student, [run.summary for run in group], split))
    return {"schema": SCHEMA, "split": split, "rows": rows}


def _named(run: Told, alike: Iterable[Mapping[str, Any]]) -> str:
    """Its config, with the settings in which these differ from each other, where they are known."""
    name, alike = run.summary["config"], [settings for settings in alike if settings]
    told = (key for key in run.settings if len({repr(settings.get(key)) for settings in alike}) > 1)
    return ", ".join([name, *(f"{key}={run.settings[key]!r}" for key in told)])


TAKEN = ("teacher_queries", "flops", "wall_seconds", "images_per_second", "mfu", "peak_memory_bytes")


def _row(name: str, student: str, runs: Sequence[Mapping[str, Any]], split: str) -> dict[str, Any]:
    first = runs[0]
    teacher = first["teacher"] or {}
    return {
        "config": name,
        "teacher": teacher.get("arch"),
        "teacher_top1": teacher.get("top1", {}).get(split),
        "student": student,
        "parameters": first["students"][student]["parameters"],
        "seeds": [run["seed"] for run in runs],
        "finished": all(run["finished"] for run in runs),
        **{
            when: spread.of_top1([run["students"][student][when].get(split, {}) for run in runs])
            for when in ("last", "best")
        },
        **{key: spread.mean([run.get(key) for run in runs]) for key in TAKEN},
        "devices": sorted({run["device"] for run in runs}),
    }


def markdown(compared: Mapping[str, Any]) -> str:
    """The rows as a table; a dash for what nobody knows."""
    split = compared["split"]
    head = [
        "config", "teacher", "student", "parameters", "seeds", f"{split} top-1, last", f"{split} top-1, best",
        "of the teacher's", "images shown to the teacher", "time", "images/s", "MFU", "memory", "device",
    ]  # fmt: skip
    lines = [head, ["---"] * len(head), *map(_cells, compared["rows"])]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Mapping[str, Any]) -> list[str]:
    last, known = row["last"]["mean"], row["teacher_top1"]
    teacher = row["teacher"] or "none"
    return [
        row["config"] + ("" if row["finished"] else " (not finished)"),
        teacher if known is None else f"{teacher}, {100 * known:.2f} %",
        row["student"],
        f"{row['parameters']:,}",
        ", ".join(map(str, row["seeds"])),
        spread.percent(row["last"]),
        spread.percent(row["best"]),
        "-" if last is None or not known else f"{100 * last / known:.1f} %",
        f"{row['teacher_queries']:,.0f}",
        f"{row['wall_seconds'] / 60:,.1f} min",
        f"{row['images_per_second']:,.0f}",
        "-" if row["mfu"] is None else f"{100 * row['mfu']:.1f} %",
        "-" if row["peak_memory_bytes"] is None else f"{row['peak_memory_bytes'] / 2**30:.1f} GiB",
        "; ".join(row["devices"]),
    ]
