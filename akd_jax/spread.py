"""Accuracies of several seeds: their mean and deviation, as numbers and for people."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def of_top1(measured: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Top-1 in [0, 1] of each seed; mean, and deviation (n - 1) of several, of those that are known."""
    top1 = [measures.get("top1") for measures in measured]
    known = [value for value in top1 if value is not None]
    return {
        "top1": top1,
        "mean": statistics.mean(known) if known else None,
        "deviation": statistics.stdev(known) if len(known) > 1 else None,
    }


def percent(spread: Mapping[str, Any]) -> str:
    """97.50 ± 0.43 %"""
    if spread["mean"] is None:
        return "-"
    deviation = "" if spread["deviation"] is None else f" ± {100 * spread['deviation']:.2f}"
    return f"{100 * spread['mean']:.2f}{deviation} %"
