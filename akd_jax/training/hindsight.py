"""What a student's evaluations come to together: its end, its peaks, what was reached when, what a pick without labels
is worth.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from akd_jax import spread
from akd_jax.metrics import Row

LAST = 5
"""Evaluations at the end of a run of which mean and deviation are told."""
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Of the teacher's top-1, of which is told when the student reached them."""
SPENT = ("teacher_queries", "flops", "wall_seconds")


def look_back(rows: Iterable[Row], student: str, teacher_top1: Mapping[str, float]) -> dict[str, Any]:
    """rows: of metrics.jsonl; teacher_top1: by split, {} without a teacher. The result, top-1 in [0, 1]:

    retention: split -> the last top-1 over the teacher's.
    last_evaluations: split -> top1 of up to LAST evaluations at the end, their mean, and their deviation (n - 1).
    peak: split -> the highest top1, and its round: what picking the round on that split would claim of it.
    by_agreement: the round at which student and teacher agree most on what the generator draws, or on images of the
      bank: their agreement there, and split -> top1. No label has a part in that pick. None without a generator.
    reached: of each of SHARES that was reached on the first split, the first round there and what was spent until then.
    """
    rows = [row for row in rows if row.get("student") == student]
    curves: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "eval" and row["top1"] is not None:
            curves.setdefault(row["split"], []).append(row)
    peaks = {split: max(curve, key=lambda row: row["top1"]) for split, curve in curves.items()}
    return {
        "retention": {
            split: round(curve[-1]["top1"] / teacher_top1[split], 4)
            for split, curve in curves.items()
            if teacher_top1.get(split)
        },
        "last_evaluations": {split: spread.of_top1(curve[-LAST:]) for split, curve in curves.items()},
        "peak": {split: {"top1": row["top1"], "round": row["round"]} for split, row in peaks.items()},
        "by_agreement": _by_agreement([row for row in rows if row["kind"] == "generator"], curves),
        "reached": _reached(curves, teacher_top1),
    }


def _by_agreement(looks: Sequence[Row], curves: Mapping[str, Sequence[Row]]) -> dict[str, Any] | None:
    """Of several rounds that agree as much, the latest."""
    looks = [look for look in looks if look["agreement"] is not None]
    if not looks:
        return None
    most = max(looks, key=lambda look: (look["agreement"], look["round"]))
    top1 = {split: row["top1"] for split, curve in curves.items() for row in curve if row["round"] == most["round"]}
    return {"round": most["round"], "agreement": most["agreement"], "top1": top1}


def _reached(curves: Mapping[str, Sequence[Row]], teacher_top1: Mapping[str, float]) -> list[dict[str, Any]]:
    split = next(iter(curves), None)
    if not teacher_top1.get(split):
        return []
    first = {
        share: next((row for row in curves[split] if row["top1"] >= share * teacher_top1[split]), None)
        for share in SHARES
    }
    return [
        {"share_of_teacher": share, "split": split, "round": row["round"]} | {key: row[key] for key in SPENT}
        for share, row in first.items()
        if row
    ]
