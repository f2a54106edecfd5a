"""python -m benchmarks.on_paper --json FILE: what the recipes should take on one H200, by their operations alone.

Not measured. The floor is the operations over what a matrix product in bfloat16 reaches there (788 TFLOP/s measured by
others, of 990 on the datasheet); what is expected is 35 % of the datasheet's number, which residual networks on small
images reach on GPUs of that kind (cifar10-airbench reports 25 to 45 % on an A100). The memory is what a round
needs beside networks, optimizers and teacher, as the compiler plans it for the machine at hand.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import jax

from akd_jax import chips, compilation
from akd_jax.cli.exits import Parser, ending
from akd_jax.compilation import compiled
from akd_jax.flops import count_flops
from akd_jax.types import Step
from benchmarks import report
from benchmarks.games import beginning, config_of, experiment_of

PEAK, REACHED, SHARE = chips.peak_flops_per_second("H200"), 788e12, 0.35
RECIPES = {"seed": ("resnet18_8x", "resnet18_8x_small"), "dfad": ("resnet18_8x",)}


def main(arguments: list[str] | None = None) -> None:
    """Counts and writes."""
    ending(lambda: _count(sys.argv[1:] if arguments is None else arguments))


def _count(arguments: list[str]) -> None:
    parser = Parser(description="Operations, floors and expected times of the recipes on an H200, on paper.")
    parser.add_argument("--json", type=Path, required=True)
    flags = parser.parse_args(arguments)
    report.check(flags.json, "--json", ".json")
    measured = {
        "measured": False,
        "assumed": {"peak": PEAK, "matmul": REACHED, "share_of_peak": SHARE, "dtype": "bfloat16"},
        "recipes": {name: recipe(name) for name in RECIPES},
    }
    report.write(flags.json, ["-m", "benchmarks.on_paper", *arguments], measured)
    print(table(measured))


def recipe(game: str) -> dict[str, Any]:
    """Batch, rounds of each student, operations of each phase and of the whole run, and what a round needs at most."""
    phases: dict[str, int] = {}
    total = memory = 0
    for student in RECIPES[game]:
        config = config_of(game, batch_size=256, students=(student,), dtype="bfloat16")
        experiment = experiment_of(config)
        state, _, teacher = jax.eval_shape(partial(beginning, config, experiment))
        (turn,) = experiment.method.turns.values()
        arguments = state, teacher, jax.eval_shape(lambda: jax.random.key(0))
        steps = {name: count_flops(step, *arguments) for name, step in turn.steps.items()}
        phases |= {f"{name}, {student}": flops for name, flops in steps.items()}
        memory = max(memory, _temporary_bytes(turn.round, *arguments))
        rounds = config.schedule.epochs * config.schedule.rounds_per_epoch
        total += rounds * (config.adversarial.student_steps * steps["student_step"] + steps["generator_step"])
    return {"batch_size": 256, "rounds_a_student": rounds, "phases": phases, "run": total, "temporary_bytes": memory}


def _temporary_bytes(round: Step, *arguments: Any) -> int:
    """What a round needs beside its state, as compiled for the platform at hand."""
    program = compiled(round, *arguments, options=compilation.options(), donate=0)
    return program.memory_analysis().temp_size_in_bytes


def table(measured: dict[str, Any]) -> str:
    """Markdown."""
    reached, peak, share = (measured["assumed"][name] for name in ("matmul", "peak", "share_of_peak"))
    lines = ["| on paper, batch 256, bfloat16 | TFLOP | floor | expected | memory |", "|---|---|---|---|---|"]
    for name, own in measured["recipes"].items():
        for phase, flops in own["phases"].items():
            floor, expected = flops / reached, flops / (share * peak)
            what = phase.replace("_", " ", 1)
            lines.append(f"| {name}: {what} | {flops / 1e12:.2f} | {1e3 * floor:.1f} ms | {1e3 * expected:.1f} ms | |")
        floor, expected = (own["run"] / speed / 60 for speed in (reached, share * peak))
        memory = f"{own['temporary_bytes'] / 2**30:.1f} GiB"
        run = f"{own['run'] / 1e12:,.0f} | {floor:.1f} min | {expected:.1f} min"
        lines.append(f"| {name}: whole run | {run} | {memory} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
