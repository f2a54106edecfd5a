"""Tables of what was measured."""

from collections.abc import Mapping
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


class Yardstick(NamedTuple):
    """What operations a second are held against. peak: how many. name: whose. size, unit: in what they are given."""

    peak: float
    name: str
    size: float
    unit: str


def tables(measured: Mapping[str, Any]) -> str:
    """Markdown: for each game the times of every variant, and what was aimed at on the CPU, or what else was found."""
    closing = of_device(measured) if "device" in measured else targets(measured)
    return "\n\n".join([*(_times(measured, game) for game in measured["games"]), closing])


def yardstick(measured: Mapping[str, Any]) -> Yardstick:
    """A chip's datasheet where that is known, or a matrix product."""
    reached = measured["matmul_flops_per_second"]
    if "device" not in measured:
        return Yardstick(reached, "a matrix product's", 1e9, "GFLOP/s")
    peak = measured["device"]["peak_flops_per_second"]
    return Yardstick(peak or reached, "the chip's peak" if peak else "a matrix product's", 1e12, "TFLOP/s")


def _times(measured: Mapping[str, Any], game: str) -> str:
    own, stick = measured["games"][game], yardstick(measured)
    variants = [name for name in NAMES if name in own["rows"]["round"]]
    lines = [
        f"| {game}, ms | "
        + " | ".join(NAMES[name] for name in variants)
        + f" | ours, {stick.unit} | of {stick.name} |",
        "|---" * (len(variants) + 3) + "|",
    ]
    for phase, row in own["rows"].items():
        cells = [_milliseconds(row.get(variant)) for variant in variants]
        flops = own["flops"].get(phase)
        reached = flops / row["jax"]["median"] if flops else 0
        speed = _short(reached / stick.size) if flops else ""
        share = f"{reached / stick.peak:.0%}" if flops else ""
        lines.append(f"| {PHASES[phase]} | " + " | ".join(cells) + f" | {speed} | {share} |")
    memory = [f"{held / 2**20:,.0f}" if (held := own["peak_memory"][name]) else "" for name in variants]
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
            parts = own["compile_seconds"][name]
            lines.append(_line(f"{game} round compiled, {name}, s", most, sum(parts.values()), _compiled(parts)))
    return "\n".join(lines)


def _line(what: str, most: float, value: float, text: str, *, noisy: bool = False) -> str:
    verdict = "yes" if value <= most else "**no**"
    return f"| {what} | {most:g} | {text} | {verdict}{', some samples noisy' if noisy else ''} |"


def of_device(measured: Mapping[str, Any]) -> str:
    """Markdown: the chip, and what was found out about every game besides times."""
    device, product = measured["device"], measured["matmul"]
    peak, size = device["peak_flops_per_second"], product["size"]
    changes = ", ".join(f"{name} {value}" for name, value in measured["changes"].items())
    rows = {
        "chip": device["kind"],
        "played with": changes,
        "peak by its datasheet, TFLOP/s": _short(peak / 1e12) if peak else "not known here",
        f"a product of {size} x {size} in {product['dtype']}, TFLOP/s": _short(
            measured["matmul_flops_per_second"] / 1e12
        ),
    }
    for game, own in measured["games"].items():
        for name, parts in own["compile_seconds"].items():
            rows[f"{game} round compiled, {name}, s"] = _compiled(parts)
        dispatch = own["dispatch"]
        rows[f"{game} rounds in a dispatch"] = f"{dispatch['rounds']}, {dispatch['seconds']:.3g} s"
    return "\n".join(["| besides | |", "|---|---|", *(f"| {what} | {found} |" for what, found in rows.items())])


def _compiled(seconds: Mapping[str, float]) -> str:
    return f"{seconds['compiling']:.1f}, and {seconds['tracing']:.1f} of tracing before"
