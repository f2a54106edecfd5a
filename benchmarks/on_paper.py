"""python -m benchmarks.on_paper --json FILE: what the recipes should take on one H200, by their operations alone.

Not measured. The floor is the operations over what a matrix product in bfloat16 reaches there (788 TFLOP/s measured by
others, of 990 on the datasheet); what is expected is 35 % of the datasheet's number, which residual networks on small
images reach on GPUs of that kind (cifar10-airbench reports 25 to 45 % on an A100).
"""

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from akd_jax.cli.exits import Parser, ending
from akd_jax.config import Config
from akd_jax.experiment import Experiment, build
from akd_jax.files import write_json
from akd_jax.flops import count_flops
from akd_jax.models import make_classifier
from akd_jax.teacher import TeacherInfo
from akd_jax.types import AKDState, Variables
from benchmarks.games import config_of

PEAK, REACHED, SHARE = 990e12, 788e12, 0.35
RECIPES = {"seed": ("resnet18_8x", "resnet18_8x_small"), "dfad": ("resnet18_8x",)}


def main(arguments: list[str] | None = None) -> None:
    """Counts and writes."""
    ending(lambda: _count(sys.argv[1:] if arguments is None else arguments))


def _count(arguments: list[str]) -> None:
    parser = Parser(description="Operations, floors and expected times of the recipes on an H200, on paper.")
    parser.add_argument("--json", type=Path, required=True)
    flags = parser.parse_args(arguments)
    flags.json.parent.mkdir(parents=True, exist_ok=True)
    measured = {
        "schema": 1,
        "command": shlex.join(["python", "-m", "benchmarks.on_paper", *arguments]),
        "date": time.strftime("%Y-%m-%d"),
        "measured": False,
        "assumed": {"peak": PEAK, "matmul": REACHED, "share_of_peak": SHARE, "dtype": "bfloat16"},
        "recipes": {name: recipe(name) for name in RECIPES},
    }
    write_json(flags.json, measured)
    print(table(measured))


def recipe(game: str) -> dict[str, Any]:
    """Batch, rounds of each student, operations of each phase, and of the whole run."""
    phases: dict[str, int] = {}
    total = 0
    for student in RECIPES[game]:
        config = config_of(game, batch_size=256, students=(student,), dtype="bfloat16")
        experiment, state, teacher = _shapes(config)
        (turn,) = experiment.method.turns.values()
        arguments = state, teacher, jax.eval_shape(lambda: jax.random.key(0))
        steps = {name: count_flops(step, *arguments) for name, step in turn.steps.items()}
        phases |= {f"{name}, {student}": flops for name, flops in steps.items()}
        rounds = config.schedule.epochs * config.schedule.rounds_per_epoch
        total += rounds * (config.adversarial.student_steps * steps["student_step"] + steps["generator_step"])
    return {"batch_size": 256, "rounds_a_student": rounds, "phases": phases, "run": total}


def _shapes(config: Config) -> tuple[Experiment, AKDState, Variables]:
    info = TeacherInfo(config.teacher.arch, 100, 3, (0.5,) * 3, (0.25,) * 3, 0, "", "", "")
    experiment = build(config, info)
    images = jax.ShapeDtypeStruct((1, config.image_size, config.image_size, 3), jnp.float32)
    loaded = make_classifier(info.arch, 100, image_size=config.image_size)
    teacher = jax.eval_shape(lambda key, x: experiment.freeze(loaded.init(key, x)), jax.random.key(0), images)
    return experiment, jax.eval_shape(experiment.method.init, jax.random.key(0)), teacher


def table(measured: dict[str, Any]) -> str:
    """Markdown."""
    lines = ["| on paper, batch 256, bfloat16 | TFLOP | floor | expected |", "|---|---|---|---|"]
    for name, own in measured["recipes"].items():
        for phase, flops in own["phases"].items():
            floor, expected = flops / REACHED, flops / (SHARE * PEAK)
            what = phase.replace("_", " ", 1)
            lines.append(f"| {name}: {what} | {flops / 1e12:.2f} | {1e3 * floor:.1f} ms | {1e3 * expected:.1f} ms |")
        floor, expected = (own["run"] / speed / 60 for speed in (REACHED, SHARE * PEAK))
        lines.append(f"| {name}: whole run | {own['run'] / 1e12:,.0f} | {floor:.1f} min | {expected:.1f} min |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
