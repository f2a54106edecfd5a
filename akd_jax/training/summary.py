"""summary.json: what a run was and what came of it."""

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from akd_jax import __version__, chips
from akd_jax.metrics import Row
from akd_jax.training.hindsight import look_back
from akd_jax.training.progress import Progress
from akd_jax.training.run import Run

SCHEMA = 1


def summarise(
    run: Run, progress: Progress, *, teacher_top1: Mapping[str, float], rows: Sequence[Row]
) -> dict[str, Any]:
    """teacher_top1: by split; rows: all of metrics.jsonl. In the result, teacher_queries are evaluation aside.

    Of a student: last and best, its measures by split after the last evaluation and after the one at which its top-1 on
    the first split was highest, and what `look_back` says. What the run does not have, a teacher or labelled images to
    learn from, is None.

    images_per_second, mfu: of what plays, all runs that are in step in their common time; so of one by itself, images
    shown a second to its teacher, or where that sees none, to its students, and model FLOP utilisation, its operations
    a second over the peak of its chips, None where nobody knows that. peak_memory_bytes: of the process that wrote
    this, None where the platform does not tell.
    """
    teacher, seconds = run.teacher_info, progress.seconds
    share = seconds / run.in_step  # all take equally long
    shown = progress.teacher_queries or run.lessons_in(progress.round)
    of_a_chip = chips.peak_flops_per_second(jax.devices()[0].device_kind)
    peak = of_a_chip and run.config.mesh.data * of_a_chip
    return {
        "schema": SCHEMA,
        "config": run.config.name,
        "method": run.config.method,
        "seed": run.config.seed,
        "rounds": progress.round,
        "finished": progress.ending is not None,
        "ending": progress.ending,
        "teacher": teacher
        and {
            "arch": teacher.arch,
            "parameters": teacher.parameters,
            "source": teacher.source,
            "digest": teacher.digest,
            "top1": dict(teacher_top1),
        },
        "lessons": run.lessons_info and dataclasses.asdict(run.lessons_info),
        "students": {
            name: {
                "parameters": count,
                "share_of_teacher": teacher and round(count / teacher.parameters, 4),
                "last": progress.last.get(name, {}),
                "best": {
                    split: {**measures, "round": progress.best[name].round}
                    for split, measures in progress.best[name].measures.items()
                },
                **look_back(rows, name, teacher_top1),
            }
            for name, count in run.parameters.items()
        },
        "generator": {"collapsed": list(progress.collapsed), "students": dict(progress.generator)},
        "teacher_queries": progress.teacher_queries,
        "flops": progress.flops,
        "wall_seconds": round(seconds, 3),
        "images_per_second": round(shown / share, 1) if share else 0.0,
        "mfu": round(progress.flops / share / peak, 4) if share and peak else None,
        "peak_memory_bytes": chips.peak_memory_bytes(),
        "versions": {"akd_jax": __version__, "jax": jax.__version__, "python": platform.python_version()},
        "device": device(run.config.mesh.data),
    }


def device(count: int = 1) -> str:
    """What so many devices are, e.g. "1 x cpu (cpu)"."""
    first = jax.devices()[0]
    return f"{count} x {first.device_kind} ({first.platform})"
