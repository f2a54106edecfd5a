"""The assembly: settings and a teacher's record become pure functions. Below this module nobody knows a config."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import optimizers
from akd_jax.compilation import QUICK_TO_COMPILE
from akd_jax.config import AdamConfig, Config, RateConfig, SgdConfig
from akd_jax.errors import InputError
from akd_jax.methods import BATCH_STATS, METHODS, READ_STATISTICS
from akd_jax.methods.adversarial import adversarial
from akd_jax.methods.dafl import dafl
from akd_jax.methods.dfq import dfq
from akd_jax.methods.fast import fast
from akd_jax.methods.zskt import zskt
from akd_jax.models import FIRST_LAYERS, GENERATORS, MODELS, make_classifier
from akd_jax.models.folding import Fold, fold_batch_norms
from akd_jax.objectives import OBJECTIVES, diversity_loss
from akd_jax.teacher import TeacherInfo
from akd_jax.types import AKDState, Array, Method, Network, Variables


class Experiment(NamedTuple):
    """One run's networks and its method.

    teacher: frozen, its batch norms folded unless the method reads their statistics.
    freeze: a teacher's variables -> those of `teacher`.
    """

    teacher: Network
    freeze: Fold
    students: dict[str, Network]
    generator: Network
    method: Method


def build(config: Config, teacher: TeacherInfo) -> Experiment:
    """Raises InputError for a name that is in no table."""
    _check_name("method", config.method, METHODS)
    _check_name("generator.name", config.generator.name, GENERATORS)
    for name in config.students:
        _check_name("students", name, MODELS)
    dtype = None if config.dtype == "float32" else jnp.dtype(config.dtype)
    size = config.image_size
    networks = {name: make_classifier(name, teacher.classes, image_size=size, dtype=dtype) for name in config.students}
    teacher_network = make_classifier(teacher.arch, teacher.classes, image_size=size, dtype=dtype)
    generator = GENERATORS[config.generator.name](
        size, teacher.channels, config.generator.width, mean=teacher.mean, std=teacher.std, dtype=dtype
    )
    if config.method in READ_STATISTICS:
        frozen, freeze = teacher_network, unchanged
    else:
        images = jax.ShapeDtypeStruct((1, size, size, teacher.channels), jnp.float32)
        frozen, freeze = fold_batch_norms(teacher_network, images)
    return Experiment(frozen, freeze, networks, generator, method_of(config, teacher, frozen, networks, generator))


def unchanged(variables: Variables) -> Variables:
    """Of a teacher whose batch norms are read."""
    return variables


def method_of(
    config: Config, teacher_info: TeacherInfo, teacher: Network, students: Mapping[str, Network], generator: Network
) -> Method:
    """The config's method, played by these networks."""
    family = METHODS[config.method]
    return family(
        teacher,
        students,
        generator,
        student_optimizer=partial(_sgd, config.student_optimizer),
        generator_optimizer=partial(_adam, config.generator_optimizer),
        sample_latents=partial(_normal, latents=config.generator.latents),
        batch_size=config.batch_size,
        rounds=config.schedule.epochs * config.schedule.rounds_per_epoch,
        turns=[config.students] if config.schedule.students == "joint" else [(name,) for name in config.students],
        **METHOD_SETTINGS[family](config, teacher_info),
    )


def initial_state(experiment: Experiment, key: Array) -> AKDState:
    """Fresh players. Random numbers take XLA:CPU long to optimise, and here each program of them runs once."""
    return jax.jit(experiment.method.init, compiler_options=dict(QUICK_TO_COMPILE))(key)


def starting_from(state: AKDState, starts: Mapping[str, Variables]) -> AKDState:
    """The state with these variables for the students named; their optimizers stay as they are."""
    students = {
        name: state.students[name].replace(params=given.params, batch_stats=given.batch_stats)
        for name, given in starts.items()
    }
    return state.replace(students=state.students | students)


def _adversarial(config: Config, teacher: TeacherInfo) -> dict[str, Any]:
    own = config.adversarial
    _check_name("adversarial.objective", own.objective, OBJECTIVES)
    _check_name("adversarial.other_player", own.other_player, BATCH_STATS)
    weight = own.diversity_weight
    penalty = {"prior": lambda images, *_: weight * diversity_loss(images)} if weight else {}
    return {
        "objective": OBJECTIVES[own.objective](own.temperature),
        "other_player": own.other_player,
        "student_steps": own.student_steps,
        "teacher_steps": own.teacher_steps,
        **penalty,
    }


def _zskt(config: Config, teacher: TeacherInfo) -> dict[str, Any]:
    _check_name("zskt.student_statistics", config.zskt.student_statistics, BATCH_STATS)
    return dict(vars(config.zskt))


def _dafl(config: Config, teacher: TeacherInfo) -> dict[str, Any]:
    return dict(vars(config.dafl))


def _dfq(config: Config, teacher: TeacherInfo) -> dict[str, Any]:
    _check_name("dfq.student_statistics", config.dfq.student_statistics, BATCH_STATS)
    return dict(vars(config.dfq))


def _fast(config: Config, teacher: TeacherInfo) -> dict[str, Any]:
    own = dict(vars(config.fast))
    outer = config.generator_optimizer
    rates = {"params": own.pop("generator_rate"), "latents": own.pop("latents_rate")}
    inner = {
        name: optimizers.adam(
            optimizers.learning_rate(rate, schedule="constant", steps=1), beta1=outer.beta1, beta2=outer.beta2
        )
        for name, rate in rates.items()
    }
    return own | {
        "classes": teacher.classes,
        "mean": teacher.mean,
        "std": teacher.std,
        "first_layers": FIRST_LAYERS[config.generator.name],
        "inner_optimizer": optimizers.by_name(inner),
    }


METHOD_SETTINGS: dict[Callable[..., Method], Callable[[Config, TeacherInfo], dict[str, Any]]] = {
    adversarial: _adversarial,
    zskt: _zskt,
    dafl: _dafl,
    dfq: _dfq,
    fast: _fast,
}
"""A family of METHODS -> its own arguments, from its own group of the config and what the teacher is."""


def _check_name(key: str, name: str, table: Any) -> None:
    if name not in table:
        raise InputError(f"{key}={name!r}: unknown; give one of {', '.join(table)}")


def _sgd(config: SgdConfig, updates: int):
    return optimizers.sgd(_rate(config, updates), momentum=config.momentum, weight_decay=config.weight_decay)


def _adam(config: AdamConfig, updates: int):
    return optimizers.adam(_rate(config, updates), beta1=config.beta1, beta2=config.beta2)


def _rate(config: RateConfig, updates: int):
    steps = max(updates, 1)  # a run of no rounds
    return optimizers.learning_rate(
        config.learning_rate, schedule=config.schedule, steps=steps, final=config.final, milestones=config.milestones
    )


def _normal(key: Array, *, num: int, latents: int) -> Array:
    return jax.random.normal(key, (num, latents))
