"""The assembly: settings and a teacher become pure functions. Below this module nobody knows a config."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import optimizers
from akd_jax.config import Config, OptimizerConfig
from akd_jax.errors import InputError
from akd_jax.methods import BATCH_STATS, METHODS
from akd_jax.models import GENERATORS, MODELS, make_classifier
from akd_jax.objectives import OBJECTIVES
from akd_jax.teacher import Teacher
from akd_jax.types import Array, Method, Network, Variables


class Experiment(NamedTuple):
    """One run's networks and its method.

    sample: (generator's variables, key, *, num) -> images [num, H, W, C] as the networks see them, drawn with
      the generator's running statistics.
    """

    teacher: Network
    students: dict[str, Network]
    generator: Network
    method: Method
    sample: partial


def build(config: Config, teacher: Teacher) -> Experiment:
    """Raises InputError for a name that is in no table."""
    _check_names(config, teacher)
    dtype = None if config.dtype == "float32" else jnp.dtype(config.dtype)
    size = config.image_size
    networks = {name: make_classifier(name, teacher.classes, image_size=size, dtype=dtype) for name in config.students}
    generator = GENERATORS[config.generator.name](size, teacher.channels, config.generator.width, dtype=dtype)
    sample_latents = partial(_normal, latents=config.generator.latents)
    teacher_network = teacher.network(size, dtype)
    rounds = config.schedule.epochs * config.schedule.rounds_per_epoch
    student, opponent = config.student_optimizer, config.generator_optimizer
    method = METHODS[config.method](
        teacher_network,
        networks,
        generator,
        objective=OBJECTIVES[config.objective],
        student_optimizer=optimizers.sgd(
            _rate(student, rounds * config.schedule.student_steps),
            momentum=student.momentum,
            weight_decay=student.weight_decay,
        ),
        generator_optimizer=optimizers.adam(
            _rate(opponent, rounds * len(config.students)), beta1=opponent.beta1, beta2=opponent.beta2
        ),
        sample_latents=partial(sample_latents, num=config.batch_size),
        student_steps=config.schedule.student_steps,
        other_player=config.other_player,
    )
    return Experiment(teacher_network, networks, generator, method, partial(_sample, generator, sample_latents))


def _check_names(config: Config, teacher: Teacher) -> None:
    for key, name, table in [
        ("method", config.method, METHODS),
        ("objective", config.objective, OBJECTIVES),
        ("other_player", config.other_player, BATCH_STATS),
        ("generator.name", config.generator.name, GENERATORS),
        *(("students", name, MODELS) for name in config.students),
    ]:
        if name not in table:
            raise InputError(f"{key}={name!r}: unknown; give one of {', '.join(table)}")


def _rate(config: OptimizerConfig, steps: int):
    return optimizers.learning_rate(
        config.learning_rate, schedule=config.schedule, steps=max(steps, 1), final=config.final
    )


def _normal(key: Array, *, num: int, latents: int) -> Array:
    return jax.random.normal(key, (num, latents))


def _sample(generator: Network, sample_latents, variables: Variables, key: Array, *, num: int) -> Array:
    return generator.apply(variables, sample_latents(key, num=num), train=False)[0]
