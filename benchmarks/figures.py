"""Tables and a picture of what was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

NAMES = {
    "jax": "akd_jax, scanned",
    "jax_stepwise": "akd_jax, step by step",
    "flax": "plain Flax loop",
    "torch": "torch",
    "torch_tuned": "torch, tuned",
    "torch_compiled": "torch, tuned and compiled",
}
PHASES = {
    "student_step": "student step",
    "generator_step": "generator step",
    "round": "round",
    "evaluation": "512 images evaluated",
    "sampling": "256 images sampled",
    "conversion": "teacher's file read",
}


class Target(NamedTuple):
    """A time of ours that may be at most `most` of a peer's."""

    game: str
    phase: str
    peer: str
    most: float


TARGETS = (
    Target("seed", "round", "torch", 1.00),
    Target("seed", "round", "torch_tuned", 1.05),
    Target("dfad", "round", "torch", 0.90),
    Target("dfad", "round", "torch_tuned", 1.00),
    Target("seed", "generator_step", "torch", 0.70),
    Target("seed", "round", "jax_stepwise", 1.00),
    Target("dfad", "round", "jax_stepwise", 1.00),
    Target("seed", "round", "flax", 0.80),
    Target("dfad", "round", "flax", 0.80),
)
COMPILE_SECONDS = {"cold": 10.0, "cached": 2.0}


def tables(measured: Mapping[str, Any]) -> str:
    """Markdown: for each game the times of every variant, and what was aimed at."""
    return "\n\n".join([*(_times(measured, game) for game in measured["games"]), targets(measured)])


def _times(measured: Mapping[str, Any], game: str) -> str:
    own = measured["games"][game]
    variants = [name for name in NAMES if name in own["rows"]["round"]]
    lines = [
        f"| {game}, ms | " + " | ".join(NAMES[name] for name in variants) + " | ours, GFLOP/s |",
        "|---" * (len(variants) + 2) + "|",
    ]
    for phase, row in own["rows"].items():
        cells = [_milliseconds(row.get(variant)) for variant in variants]
        flops = own["flops"].get(phase)
        speed = f"{flops / row['jax']['median'] / 1e9:.0f}" if flops else ""
        lines.append(f"| {PHASES[phase]} | " + " | ".join(cells) + f" | {speed} |")
    memory = [f"{own['peak_memory'][name] / 2**20:,.0f}" for name in variants]
    lines.append("| peak memory of the process, MiB | " + " | ".join(memory) + " | |")
    return "\n".join(lines)


def _milliseconds(summary: Mapping[str, Any] | None) -> str:
    if summary is None:
        return ""
    low, median, high = (_short(1e3 * summary[key]) for key in ("low", "median", "high"))
    return f"{median} ({low} to {high})" + (" noisy" if summary["noisy"] else "")


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def targets(measured: Mapping[str, Any]) -> str:
    """Markdown: every target that this measurement has the figures for."""
    lines = ["| aimed at | at most | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        row = measured["games"].get(target.game, {}).get("rows", {}).get(target.phase, {})
        if target.peer in row:
            pairs = row[target.peer]["over_reference"]
            low, median, high = (1 / pairs[key] for key in ("high", "median", "low"))
            what = f"{target.game} {PHASES[target.phase]}, time over that of {NAMES[target.peer]}"
            lines.append(_line(what, target.most, median, f"{median:.2f} ({low:.2f} to {high:.2f})"))
    for game, own in measured["games"].items():
        for name, most in COMPILE_SECONDS.items():
            seconds = own["compile_seconds"][name]
            lines.append(_line(f"{game} round compiled, {name}, s", most, seconds, f"{seconds:.1f}"))
    return "\n".join(lines)


def _line(what: str, most: float, value: float, text: str) -> str:
    return f"| {what} | {most:g} | {text} | {'yes' if value <= most else '**no**'} |"


def draw(measured: Mapping[str, Any], path: Path) -> None:
    """Bars: every peer's time over ours."""
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    games = measured["games"]
    figure = Figure(figsize=(9, 3.2 * len(games)), layout="constrained")
    axes: Sequence[Any] = figure.subplots(len(games), 1, squeeze=False)[:, 0]
    for axis, (game, own) in zip(axes, games.items(), strict=True):
        phases = [phase for phase in own["rows"] if len(own["rows"][phase]) > 1]
        peers = [name for name in NAMES if name != "jax" and any(name in own["rows"][phase] for phase in phases)]
        width = 0.8 / max(len(peers), 1)
        for number, peer in enumerate(peers):
            places = [i + number * width for i, phase in enumerate(phases) if peer in own["rows"][phase]]
            ratios = [own["rows"][p][peer]["over_reference"] for p in phases if peer in own["rows"][p]]
            errors = [[r["median"] - r["low"] for r in ratios], [r["high"] - r["median"] for r in ratios]]
            axis.bar(places, [r["median"] for r in ratios], width, yerr=errors, label=NAMES[peer], capsize=2)
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set_xticks([i + 0.4 - width / 2 for i in range(len(phases))], [PHASES[phase] for phase in phases])
        axis.set_ylabel("time over akd_jax's")
        axis.set_title(f"{game}, {measured['threads']} cores")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)
