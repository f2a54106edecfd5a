"""What a run tells the person who started it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tqdm import tqdm

from akd_jax.config import Config
from akd_jax.families import family_of
from akd_jax.training import sweep_results
from akd_jax.training.judge import Evaluation
from akd_jax.training.progress import Progress
from akd_jax.training.run import Run
from akd_jax.training.summary import device
from akd_jax.training.sweep import Member

say = tqdm.write  # plain lines that do not tear a progress bar


def announce(config: Config, members: Sequence[Member]) -> None:
    """The run, or the sweep, and the backend, before anything takes time."""
    say(f"{config.name}, seed {config.seed}, on {device(config.mesh.data)}, jax {jax.__version__}")
    if named := [member.name for member in members if member.name]:
        say(f"{len(named)} members: {'; '.join(named)}")


def introduce(run: Run) -> None:
    """The networks, and what they are about to look at."""
    teacher = run.teacher_info
    if teacher:
        say(f"teacher {teacher.arch}: {teacher.parameters:,} parameters")
        if term := _without_its_term(run):
            say(term)
    for name, count in run.parameters.items():
        share = f", {count / teacher.parameters:.1%} of the teacher's" if teacher else ""
        heir = f", of which {run.inherited[name]:,} begin as those of the teacher" if name in run.inherited else ""
        say(f"{'student ' if teacher else ''}{name}: {count:,} parameters{share}{heir}")
    if run.lessons_info:
        seen = run.lessons_info
        say(f"{seen.images:,} labelled images to learn from, {seen.split} of {seen.data}")
    if run.options:
        say(f"XLA's options: {', '.join(f'{name}={value}' for name, value in run.options.items())}")
    if run.held.missing:
        say(f"warning: nobody will know how good the students are: {run.held.missing}")
    else:
        images = sum(len(splits.held.labels) for splits in (run.held.during, run.held.at_end) if splits)
        say(f"{images:,} labelled images to measure on")


def _without_its_term(run: Run) -> str:
    """What a method that reads the teacher's batch norms does without any; "" where it has them, or reads none."""
    family, config = family_of(run.config), run.config
    if not family.reads_statistics or jax.tree.leaves(run.teacher_variables.batch_stats):
        return ""
    setting = f"{family.group}.batch_norm_weight={getattr(config, family.group).batch_norm_weight}"
    return (
        f"the teacher has no batch norms: method={config.method} goes without its batch-norm term ({setting} has no "
        "effect)"
    )


def report_teacher(run: Run, judges: Evaluation) -> None:
    """The teacher's own accuracy, if there is one."""
    accuracy = ", ".join(f"{split} {100 * top1:.2f} %" for split, top1 in judges.teacher_top1.items())
    if run.teacher_info:
        say(f"teacher's top-1: {accuracy or 'not measured'}")


def announce_cost(runs: Sequence[Run], memory: int, *, after: int) -> None:
    """Memory and time of what is to come after that round, of all that are played in step.

    memory: bytes that their programs take on each device.
    """
    run, count = runs[0], len(runs)
    rounds = run.schedule.rounds - after
    flops = count * (run.flops_in(run.schedule.rounds) - run.flops_in(after))
    devices = run.config.mesh.data
    speed = devices * _matmul_flops_per_second(run.config.dtype)
    of_each = f" of each of {count} members" if count > 1 else ""
    say(f"{rounds} rounds{of_each}, memory {memory / 2**20:,.0f} MiB{' on each device' * (devices > 1)}")
    they = f"these {devices} devices reach" if devices > 1 else "this device reaches"
    say(
        f"at least {duration(flops / speed)}: {flops / 1e12:,.2f} TFLOP at the {speed / 1e9:,.0f} GFLOP/s that {they} "
        "in a matrix product; a measured estimate follows the first epoch"
    )


def report_evaluation(run: Run, now: Progress, epoch: int, measured: Mapping[str, Any]) -> None:
    """One line a student."""
    left = 0 if now.ending else run.schedule.rounds - now.round
    say(
        f"{run.label}epoch {epoch}/{run.config.schedule.epochs}, round {now.round}"
        + (f", about {duration(left * now.seconds / now.round)} to go" if left else "")
    )
    for name, splits in measured.items():
        parts = [
            f"{split} top-1 {100 * values['top1']:.2f} %"
            + (f", agreement {100 * values['agreement']:.2f} %" if "agreement" in values else "")
            for split, values in splits.items()
        ]
        if parts:
            say(f"  {name}: {'; '.join(parts)}")


def report_end(run: Run, summary: Mapping[str, Any]) -> None:
    """Where everything is."""
    if summary["rounds"] < run.schedule.rounds:
        say(f"stopped early: {summary['ending']}")
    took = f"{duration(summary['wall_seconds'])} of training{_speed(run, summary)}"
    say(f"finished {summary['rounds']} rounds in {took}; results are in {run.directory}")


def _speed(run: Run, summary: Mapping[str, Any]) -> str:
    """And what it took of the chips, where that is known: older summaries lack it."""
    whose = "chips'" if run.config.mesh.data > 1 else "chip's"
    parts = []
    if seconds := summary["wall_seconds"]:
        speed = f"{summary['flops'] / seconds / 1e12:.3g} TFLOP/s"
        share = f" ({summary['mfu']:.1%} of the {whose} peak)" if summary.get("mfu") else ""
        if shown := summary["images_per_second"]:
            parts.append(f"{shown:,.0f} images/s")
        parts.append(speed + share)
    if memory := summary.get("peak_memory_bytes"):
        parts.append(f"at most {memory / 2**30:.1f} GiB of its memory")
    return "".join(f", {part}" for part in parts)


def report_sweep(told: Mapping[str, Any], directory: Path) -> None:
    """The table, and where everything is."""
    for line in sweep_results.table(told):
        say(line)
    say(f"finished {len(told['members'])} members; results are in {directory}")


def duration(seconds: float) -> str:
    """75 -> "1 min 15 s"."""
    hours, minutes = divmod(round(seconds) // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {round(seconds) % 60} s" if minutes else f"{seconds:.0f} s"


def _matmul_flops_per_second(dtype: str) -> float:
    size = 2048 if jax.default_backend() == "cpu" else 8192  # a smaller product does not keep a GPU busy
    product = jax.jit(lambda matrix: matrix @ matrix)
    matrix = jnp.ones((size, size), dtype)
    product(matrix).block_until_ready()
    started = time.monotonic()
    product(matrix).block_until_ready()
    return 2 * size**3 / (time.monotonic() - started)
