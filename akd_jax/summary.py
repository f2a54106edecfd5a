"""summary.json: what a run was and what came of it."""

import platform
from collections.abc import Mapping
from typing import Any

import jax

from akd_jax import __version__
from akd_jax.config import Config
from akd_jax.teacher import Teacher

SCHEMA = 1


def summarise(
    config: Config,
    teacher: Teacher,
    *,
    teacher_top1: Mapping[str, float],
    parameters: Mapping[str, int],
    last: Mapping[str, Any],
    best: Mapping[str, Any],
    rounds: int,
    finished: bool,
    teacher_queries: int,
    flops: int,
    wall_seconds: float,
) -> dict[str, Any]:
    """parameters, last, best: by student. last, best: {split: {top1, loss, agreement}}, best with its round.

    teacher_queries: images that the teacher was shown in the rounds played, evaluation aside; flops: their operations.
    """
    return {
        "schema": SCHEMA,
        "config": config.name,
        "method": config.method,
        "seed": config.seed,
        "rounds": rounds,
        "finished": finished,
        "teacher": {
            "arch": teacher.arch,
            "parameters": teacher.parameters,
            "source": teacher.source,
            "digest": teacher.digest,
            "top1": dict(teacher_top1),
        },
        "students": {
            name: {
                "parameters": count,
                "share_of_teacher": round(count / teacher.parameters, 4),
                "last": last.get(name, {}),
                "best": best.get(name, {}),
            }
            for name, count in parameters.items()
        },
        "teacher_queries": teacher_queries,
        "flops": flops,
        "wall_seconds": round(wall_seconds, 3),
        "images_per_second": round(teacher_queries / wall_seconds, 1) if wall_seconds else 0.0,
        "versions": {"akd_jax": __version__, "jax": jax.__version__, "python": platform.python_version()},
        "device": device(),
    }


def device() -> str:
    """The accelerators at hand, e.g. "1 x cpu (cpu)"."""
    devices = jax.devices()
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})"
