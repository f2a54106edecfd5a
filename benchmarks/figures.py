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
    "round": "round",
    "student_step": "student step",
    "generator_step": "generator step",
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
"""What Python traces included."""


def tables(measured: Mapping[str, Any]) -> str:
    """Markdown: for each game the times of every variant, and what was aimed at."""
    return "\n\n".join([*(_times(measured, game) for game in measured["games"]), targets(measured)])


def _times(measured: Mapping[str, Any], game: str) -> str:
    own, peak = measured["games"][game], measured["matmul_flops_per_second"]
    variants = [name for name in NAMES if name in own["rows"]["round"]]
    lines = [
        f"| {game}, ms | "
        + " | ".join(NAMES[name] for name in variants)
        + " | ours, GFLOP/s | of a matrix product's |",
        "|---" * (len(variants) + 3) + "|",
    ]
    for phase, row in own["rows"].items():
        cells = [_milliseconds(row.get(variant)) for variant in variants]
        flops = own["flops"].get(phase)
        speed = f"{flops / row['jax']['median'] / 1e9:.0f}" if flops else ""
        share = f"{flops / row['jax']['median'] / peak:.0%}" if flops else ""
        lines.append(f"| {PHASES[phase]} | " + " | ".join(cells) + f" | {speed} | {share} |")
    memory = [f"{own['peak_memory'][name] / 2**20:,.0f}" for name in variants]
    lines.append("| peak memory, rounds alone, MiB | " + " | ".join(memory) + " | | |")
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
            low, median, high = (row[target.peer]["ours_over"][key] for key in ("low", "median", "high"))
            what = f"{target.game} {PHASES[target.phase]}, time over that of {NAMES[target.peer]}"
            noisy = any(row[name]["noisy"] for name in ("jax", target.peer))
            lines.append(_line(what, target.most, median, f"{median:.2f} ({low:.2f} to {high:.2f})", noisy=noisy))
    for game, own in measured["games"].items():
        for name, most in COMPILE_SECONDS.items():
            tracing, compiling = (own["compile_seconds"][name][part] for part in ("tracing", "compiling"))
            text = f"{compiling:.1f}, and {tracing:.1f} of tracing before"
            lines.append(_line(f"{game} round compiled, {name}, s", most, tracing + compiling, text))
    return "\n".join(lines)


def _line(what: str, most: float, value: float, text: str, *, noisy: bool = False) -> str:
    verdict = "yes" if value <= most else "**no**"
    return f"| {what} | {most:g} | {text} | {verdict}{', some samples noisy' if noisy else ''} |"


def draw(measured: Mapping[str, Any], path: Path) -> None:
    """Bars: our time over every peer's."""
    from matplotlib.figure import Figure

    games = measured["games"]
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
        axis.set_title(f"{game}, {measured['threads']} cores")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)
