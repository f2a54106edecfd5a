"""python -m benchmarks.growth --json FILE --plot FILE: how the time of a round grows with what there is more of.

One round of DFAD's game with smaller networks, compiled as training compiles it; each point is the median of some
dispatches, in one process.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import compilation
from akd_jax.cli.exits import Parser, ending
from akd_jax.compilation import compiled
from akd_jax.steps import members, run_rounds, run_rounds_up_to
from benchmarks import machine, report
from benchmarks.games import ROUNDS, Table, config_of, lay

STUDENT, OTHER = "resnet18_8x_small", "resnet20"
BASE = {"students": (STUDENT,), "teacher__arch": "resnet18_8x", "generator__width": 32}
SAMPLES = 5


class Series(NamedTuple):
    """settings: of a point, by its size. points: the sizes."""

    settings: Callable[[int], dict[str, Any]]
    points: tuple[int, ...]


SERIES = {
    "batch_size": Series(lambda n: {"batch_size": n}, (4, 8, 16, 32)),
    "student_steps": Series(lambda n: {"adversarial__student_steps": n}, (1, 2, 5, 10)),
    "pixels": Series(lambda n: {"image_size": n}, (16, 32, 48, 64)),
}


def main(arguments: list[str] | None = None) -> None:
    """Measures, writes and draws."""
    ending(lambda: _grow(sys.argv[1:] if arguments is None else arguments))


def _grow(arguments: list[str]) -> None:
    parser = Parser(description="Times a round as batch, steps, pixels, students and members grow.")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--plot", type=Path, required=True)
    flags = parser.parse_args(arguments)
    report.check(flags.json, "--json", ".json")
    report.check(flags.plot, "--plot", ".png")
    found = {"students": [_students("alternating"), _students("joint")], "members": [_members(n) for n in (1, 2, 4)]}
    found |= {name: [_point(series.settings(n), n) for n in series.points] for name, series in SERIES.items()}
    measured = {
        "machine": machine.facts(),
        "base": {name: str(value) for name, value in {"game": "dfad", "batch_size": 8, **BASE}.items()},
        "series": found,
    }
    print(markdown(measured))
    report.write(flags.json, ["-m", "benchmarks.growth", *arguments], measured)
    flags.plot.parent.mkdir(parents=True, exist_ok=True)
    draw(found, flags.plot)


def _point(settings: dict[str, Any], size: int) -> dict[str, Any]:
    table = lay(config_of("dfad", **(BASE | settings)))
    return _say({"size": size, **_round(table, next(iter(table.experiment.method.turns)))}, str(settings))


def _students(how: str) -> dict[str, Any]:
    """A round of all turns: two students in turn, or both on the same images."""
    settings = {"students": (STUDENT, OTHER), "schedule__students": how}
    table = lay(config_of("dfad", **(BASE | settings)))
    rounds = [_round(table, turn) for turn in table.experiment.method.turns]
    return _say({"how": how, "median": sum(r["median"] for r in rounds), "turns": rounds}, how)


def _members(count: int) -> dict[str, Any]:
    """Seeds in one program; the seconds are all members' together."""
    table = lay(config_of("dfad", **BASE))
    (turn,) = table.experiment.method.turns.values()
    keys = jax.random.split(jax.random.key(0), count)
    states = jax.vmap(table.experiment.method.init)(keys)
    step = members(run_rounds(turn.round, ROUNDS))
    return _say({"size": count, **_timed(step, states, table.teacher_variables, keys)}, f"{count} members")


def _round(table: Table, turn: str) -> dict[str, Any]:
    step = run_rounds_up_to(table.experiment.method.turns[turn].round, ROUNDS)
    state = jax.tree.map(jnp.copy, table.state)
    return _timed(step, state, table.teacher_variables, jax.random.key(0), jnp.int32(ROUNDS))


def _timed(step: Callable, state: Any, *rest: Any) -> dict[str, Any]:
    started = time.perf_counter()
    program = compiled(step, state, *rest, options=compilation.options(), donate=0)
    compiling = time.perf_counter() - started

    def play() -> float:
        nonlocal state
        started = time.perf_counter()
        state, _ = program(state, *rest)
        jax.block_until_ready(state)
        return (time.perf_counter() - started) / ROUNDS

    play()
    taken = [machine.quietest(play, os.getpid()) for _ in range(SAMPLES)]
    return {
        **machine.spread([seconds for seconds, _ in taken]),
        "noisy": sum(others >= machine.QUIET for _, others in taken),
        "compile_seconds": round(compiling, 2),
    }


def _say(point: dict[str, Any], what: str) -> dict[str, Any]:
    print(f"{what}: {1e3 * point['median']:.0f} ms", flush=True)
    return point


NAMES = {
    "batch_size": "batch",
    "student_steps": "student steps a round",
    "pixels": "side of the images, pixels",
    "members": "seeds in one program, one after another",
}


def markdown(measured: dict[str, Any]) -> str:
    """Markdown."""
    lines = ["| what grows | sizes | ms a round | size, time: times as much |", "|---|---|---|---|"]
    for name, title in NAMES.items():
        points = measured["series"][name]
        sizes, seconds = ([point[key] for point in points] for key in ("size", "median"))
        listed = ", ".join(map(str, sizes)), ", ".join(f"{1e3 * each:,.0f}" for each in seconds)
        more = (sizes[-1] / sizes[0]) ** (2 if name == "pixels" else 1), seconds[-1] / seconds[0]
        lines.append(f"| {title} | {listed[0]} | {listed[1]} | {more[0]:.0f}, {more[1]:.1f} |")
    alternating, joint = (point["median"] for point in measured["series"]["students"])
    times = f"{1e3 * alternating:,.0f}, {1e3 * joint:,.0f} | 1, {joint / alternating:.2f}"
    lines.append(f"| two students | in turn, a round each; jointly, one round | {times} |")
    return "\n".join(lines)


def draw(series: dict[str, Any], path: Path) -> None:
    """A round's time against each size, with the line through the second point that twice as much would follow."""
    from matplotlib.figure import Figure

    names = [name for name in series if name != "students"]
    figure = Figure(figsize=(3.4 * len(names), 3), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names)), names, strict=True):
        sizes = [point["size"] for point in series[name]]
        seconds = [point["median"] for point in series[name]]
        axis.loglog(sizes, seconds, "o-", label="measured")
        power = 2 if name == "pixels" else 1
        axis.loglog(sizes, [seconds[1] * (n / sizes[1]) ** power for n in sizes], ":", label="in proportion")
        axis.set_xlabel("side in pixels" if name == "pixels" else name.replace("_", " "))
        axis.set_xticks(sizes, [str(n) for n in sizes], minor=False)
        axis.minorticks_off()
    figure.axes[0].set_ylabel("seconds a round")
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
