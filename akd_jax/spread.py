"""Accuracies of several seeds: their mean and deviation, as numbers and for people."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def of_top1(measured: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Top-1 in [0, 1] of each seed; mean, and deviation (n - 1) of several, of those that are known."""
    top1 = [measures.get("top1") for measures in measured]
    known = _known(top1)
    deviation = statistics.stdev(known) if len(known) > 1 else None
    return {"top1": top1, "mean": mean(top1), "deviation": deviation}


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known, None where none is."""
    known = _known(values)
    return statistics.mean(known) if known else None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def percent(spread: Mapping[str, Any]) -> str:
    """97.50 ± 0.43 %"""
    if spread["mean"] is None:
        return "-"
    deviation = "" if spread["deviation"] is None else f" ± {100 * spread['deviation']:.2f}"
    return f"{100 * spread['mean']:.2f}{deviation} %"
