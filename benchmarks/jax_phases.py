"""What is timed of our game, and of the plain Flax loop."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import compilation
from akd_jax.compilation import compiled
from akd_jax.config import Config, TeacherConfig
from akd_jax.export import torch_file
from akd_jax.flops import count_flops
from akd_jax.judge import predictor
from akd_jax.models.network import on_pixels
from akd_jax.steps import repeat, run_rounds_up_to
from akd_jax.teacher_files import load
from akd_jax.types import Array
from benchmarks.flax_game import plain
from benchmarks.games import Table, images_of, in_float64, latents_of_round, lay, smaller, write_start

EVALUATED, EVALUATION_BATCH, SAMPLED = 512, 256, 256
ROUNDS = 2
"""In a dispatch that is timed: so many that rounds are a loop, as in training."""

KEY = 7


def prepare(config: Config, start: Path) -> list[float]:
    """Writes what everybody begins with into `start`, and the latents of a smaller round; its losses in float64."""
    table = lay(config)
    write_start(table, start)
    (start / "teacher.pth").write_bytes(torch_file.encode(dict(np.load(start / "teacher.npz"))))
    small = lay(smaller(config))  # before x64, in which other random numbers are drawn
    with jax.enable_x64(True):
        small = in_float64(small)
        np.save(start / "latents.npy", np.stack(latents_of_round(small, jax.random.key(KEY))))
        return _losses(small)


def losses(variant: str, config: Config) -> list[float]:
    """Of the round on the same latents as `prepare`'s, in float64."""
    table = lay(smaller(config))
    with jax.enable_x64(True):
        table = in_float64(table)
        return _losses(plain(table) if variant == "flax" else table)


def _losses(table: Table) -> list[float]:
    """Of each step of the round, played step by step."""
    (turn,) = table.experiment.method.turns.values()
    students_key, generator_key = jax.random.split(jax.random.key(KEY))
    state, found = table.state, []
    step = jax.jit(turn.steps["student_step"])
    for key in jax.random.split(students_key, table.config.adversarial.student_steps):
        state, metrics = step(state, table.teacher_variables, key)
        found += metrics["student_loss"].values()
    _, metrics = jax.jit(turn.steps["generator_step"])(state, table.teacher_variables, generator_key)
    return [float(value) for value in [*found, metrics["generator_loss"]]]


def phases(variant: str, config: Config, start: Path) -> dict[str, Callable[[], int]]:
    """Name -> what is played for a sample, and says how often; the first time, it compiles."""
    table = lay(config)
    options = compilation.options()
    if variant == "flax":
        return _stepwise(plain(table), {}, donate=())
    if variant == "jax_stepwise":
        return _stepwise(table, options, donate=(0,))
    (turn,) = table.experiment.method.turns.values()
    steps = table.config.adversarial.student_steps
    return {
        "student_step": _played(table, repeat(turn.steps["student_step"], steps), steps, options),
        "generator_step": _played(table, repeat(turn.steps["generator_step"], ROUNDS), ROUNDS, options),
        "round": _played(table, run_rounds_up_to(turn.round, ROUNDS), ROUNDS, options, jnp.int32(ROUNDS)),
        "evaluation": _evaluation(table, options),
        "sampling": _sampling(table, options),
        "conversion": _conversion(table, start),
    }


def compile_seconds(config: Config) -> float:
    """Of the program that training compiles, its tracing included; JAX is awake before."""
    table = lay(config)
    (turn,) = table.experiment.method.turns.values()
    options = compilation.options()
    jax.block_until_ready(table)
    started = time.perf_counter()
    most = config.schedule.rounds_per_epoch
    compiled(run_rounds_up_to(turn.round, most), *_arguments(table), jnp.int32(most), options=options, donate=0)
    return time.perf_counter() - started


def flops(config: Config) -> dict[str, int]:
    """Of each phase once, of what is needed only: see akd_jax/flops.py."""
    table = lay(config)
    (turn,) = table.experiment.method.turns.values()
    sample = partial(table.experiment.method.sample, num=SAMPLED)
    images = images_of(table, EVALUATED)
    (network,), (player,) = table.experiment.students.values(), table.state.students.values()
    return {
        **{name: count_flops(step, *_arguments(table)) for name, step in turn.steps.items()},
        "round": count_flops(turn.round, *_arguments(table)),
        "evaluation": count_flops(lambda v, x: network.apply(v, x, train=False)[0].logits, player.variables, images),
        "sampling": count_flops(sample, table.state, jax.random.key(0)),
    }


def matmul_flops_per_second(size: int = 2048, times: int = 5) -> float:
    """The best of some products of two float32 matrices: what this machine can do at all."""
    matrix = jnp.ones((size, size), jnp.float32)
    product = compiled(lambda a: a @ a, matrix, options={})
    seconds = []
    for _ in range(times + 1):
        started = time.perf_counter()
        product(matrix).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds[1:])


def _arguments(table: Table) -> tuple[Any, ...]:
    return table.state, table.teacher_variables, jax.random.key(KEY)


def _played(
    table: Table, step: Callable, times: int, options: compilation.Options, *arguments: Array
) -> Callable[[], int]:
    """`step`, which is `times` of what is timed, as one program that goes on from where it stopped."""
    program = compiled(step, *_arguments(table), *arguments, options=options, donate=0)
    state = jax.tree.map(jnp.copy, table.state)

    def play() -> int:
        nonlocal state
        state, _ = program(state, *_arguments(table)[1:], *arguments)
        jax.block_until_ready(state)
        return times

    return play


def _stepwise(table: Table, options: compilation.Options, donate: tuple[int, ...]) -> dict[str, Callable[[], int]]:
    """One program a step, driven by Python."""
    (turn,) = table.experiment.method.turns.values()
    programs = {
        name: compiled(step, *_arguments(table), options=options, donate=donate) for name, step in turn.steps.items()
    }
    state = jax.tree.map(jnp.copy, table.state)
    key = jax.random.key(KEY)

    def play(**times: int) -> int:
        nonlocal state, key
        for name, count in times.items():
            for _ in range(count):
                key, step_key = jax.random.split(key)
                state, _ = programs[name](state, table.teacher_variables, step_key)
        jax.block_until_ready(state)
        return 1

    return {
        "student_step": partial(play, student_step=1),
        "generator_step": partial(play, generator_step=1),
        "round": partial(play, student_step=table.config.adversarial.student_steps, generator_step=1),
    }


def _evaluation(table: Table, options: compilation.Options) -> Callable[[], int]:
    (network,) = table.experiment.students.values()
    (player,) = table.state.students.values()
    images = images_of(table, EVALUATED)
    look = predictor(on_pixels(network, [0.5], [0.25]), batch_size=EVALUATION_BATCH, options=options)
    pixels = jnp.zeros(images.shape, jnp.uint8)
    variables = jax.tree.map(jnp.copy, player.variables)

    def evaluate() -> int:
        np.asarray(look(variables, pixels)).argmax(1)
        return 1

    return evaluate


def _sampling(table: Table, options: compilation.Options) -> Callable[[], int]:
    state, key = jax.tree.map(jnp.copy, table.state), jax.random.key(0)
    draw = compiled(partial(table.experiment.method.sample, num=SAMPLED), state, key, options=options)

    def sample() -> int:
        jax.block_until_ready(draw(state, key))
        return 1

    return sample


def _conversion(table: Table, start: Path) -> Callable[[], int]:
    given = table.config.teacher

    def convert() -> int:
        load(TeacherConfig(str(start / "teacher.pth"), given.arch, given.mean, given.std))
        return 1

    return convert
