"""What is found out about our game, and about the plain Flax loop, besides times."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import chips, compilation
from akd_jax.compilation import compiled, lowered
from akd_jax.config import Config
from akd_jax.export import torch_file
from akd_jax.flops import count_flops
from akd_jax.schedule import fitting
from akd_jax.steps import run_rounds_up_to
from akd_jax.types import Array
from benchmarks.draws import draws_of_rounds, keys_of_rounds
from benchmarks.flax_game import plain
from benchmarks.games import (
    EVALUATED,
    KEY,
    ROUNDS,
    SAMPLED,
    Table,
    arguments,
    images_of,
    in_float64,
    in_order,
    lay,
    smaller,
    task_of,
    write_start,
)


def prepare(config: Config, start: Path) -> None:
    """Writes into `start` what everybody begins with, and what some rounds of a smaller game draw."""
    table = lay(config)
    write_start(table, start)
    (start / "teacher.pth").write_bytes(torch_file.encode(dict(np.load(start / "teacher.npz"))))
    with jax.enable_x64(True):
        drawn = draws_of_rounds(smaller(config), jax.random.key(KEY), classes=task_of(config).classes)
        np.savez(start / "draws.npz", **drawn)


def losses(variant: str, config: Config, start: Path) -> list[float]:
    """Of rounds on draws.npz, in float64: of each its student steps' mean, and its generator step's."""
    table = lay(smaller(config))  # before x64, in which other random numbers are drawn
    with jax.enable_x64(True):
        table = in_float64(table)
        table = plain(table) if variant == "flax" else table
        found = _of_program(table) if variant == "jax" else _of_steps(table)
    return [float(value) for value in found]


def _of_program(table: Table) -> Array:
    """By the program that training runs."""
    (turn,) = table.experiment.method.turns.values()
    given = *arguments(table), jnp.int32(ROUNDS)
    _, metrics = compiled(
        run_rounds_up_to(turn.round, ROUNDS), *given, options=compilation.options(table.config.compilation.options)
    )(*given)
    (of_students,) = metrics["student_loss"].values()
    return jnp.stack([of_students, metrics["generator_loss"]], 1).ravel()


def _of_steps(table: Table) -> list[Array]:
    """By one program a step."""
    (turn,) = table.experiment.method.turns.values()
    student, generator = (jax.jit(turn.steps[name]) for name in ("student_step", "generator_step"))
    state, found = table.state, []
    for keys, of_generator in keys_of_rounds(table.config, jax.random.key(KEY)):
        keys, own = iter(keys), []
        for name in in_order(table.config):
            if name == "student_step":
                state, metrics = student(state, table.teacher_variables, next(keys))
                own += metrics["student_loss"].values()
            else:
                state, metrics = generator(state, table.teacher_variables, of_generator)
                lost = metrics["generator_loss"]
        found += [sum(own) / len(own), lost]
    return found


def compile_seconds(config: Config, start: Path) -> dict[str, float]:
    """Of the program that training compiles, with programs kept where training would keep them; JAX is awake before."""
    compilation.keep_programs(str(start / "programs"))
    table = lay(config)
    (turn,) = table.experiment.method.turns.values()
    options = compilation.options(table.config.compilation.options)
    jax.block_until_ready(table[2:])
    most = config.schedule.rounds_per_epoch
    started = time.perf_counter()
    traced = lowered(run_rounds_up_to(turn.round, most), *arguments(table), jnp.int32(most), options=options, donate=0)
    between = time.perf_counter()
    traced.compile()
    return {"tracing": between - started, "compiling": time.perf_counter() - between}


def flops(config: Config) -> dict[str, int]:
    """Of each phase once, of what is needed only: see akd_jax/flops.py."""
    table = lay(config)
    (turn,) = table.experiment.method.turns.values()
    sample = partial(table.experiment.method.sample, num=SAMPLED)
    images = images_of(table, EVALUATED)
    (network,), (player,) = table.experiment.students.values(), table.state.students.values()
    return {
        **{name: count_flops(step, *arguments(table)) for name, step in turn.steps.items()},
        "round": count_flops(turn.round, *arguments(table)),
        "evaluation": count_flops(lambda v, x: network.apply(v, x, train=False)[0].logits, player.variables, images),
        "sampling": count_flops(sample, table.state, jax.random.key(0)),
    }


def device() -> dict[str, Any]:
    """What there is to measure; missing: why there is nothing, or ""."""
    if missing := compilation.missing_platform():
        return {"missing": missing}
    found, *_ = jax.devices()
    return {
        "missing": "",
        "kind": found.device_kind,
        "platform": found.client.platform_version,
        "peak_flops_per_second": chips.peak_flops_per_second(found.device_kind),
    }


def dispatch(config: Config, seconds: float) -> dict[str, float]:
    """How many rounds training would play at a time if one takes so long, and how long that takes."""
    rounds = fitting(seconds, config.schedule.rounds_per_epoch)
    return {"rounds": rounds, "seconds": rounds * seconds}


def matmul_flops_per_second(size: int, dtype: str, times: int = 5) -> float:
    """The best of some products of two square matrices: what this machine can do at all."""
    matrix = jnp.ones((size, size), dtype)
    product = compiled(lambda a: a @ a, matrix, options={})
    seconds = []
    for _ in range(times + 1):
        started = time.perf_counter()
        product(matrix).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds[1:])
