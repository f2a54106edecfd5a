"""A picture of what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import NAMES, PHASES


def draw(measured: Mapping[str, Any], path: Path) -> None:
    """Bars: our time over every peer's."""
    from matplotlib.figure import Figure

    games = measured["games"]
    place = measured["device"]["kind"] if "device" in measured else f"{measured['threads']} cores"
    figure = Figure(figsize=(9, 3.2 * len(games)), layout="constrained")
    axes: Sequence[Any] = figure.subplots(len(games), 1, squeeze=False)[:, 0]
    for axis, (game, own) in zip(axes, games.items(), strict=True):
        phases = [phase for phase in own["rows"] if len(own["rows"][phase]) > 1]
        peers = [name for name in NAMES if name != "jax" and any(name in own["rows"][phase] for phase in phases)]
        width = 0.8 / max(len(peers), 1)
        for number, peer in enumerate(peers):
            places = [i + number * width for i, phase in enumerate(phases) if peer in own["rows"][phase]]
            ratios = [own["rows"][p][peer]["ours_over"] for p in phases if peer in own["rows"][p]]
            errors = [[r["median"] - r["low"] for r in ratios], [r["high"] - r["median"] for r in ratios]]
            axis.bar(places, [r["median"] for r in ratios], width, yerr=errors, label=NAMES[peer], capsize=2)
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set_xticks([i + 0.4 - width / 2 for i in range(len(phases))], [PHASES[phase] for phase in phases])
        axis.set_ylabel("akd_jax's time over theirs")
        axis.set_title(f"{game}, {place}")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)
