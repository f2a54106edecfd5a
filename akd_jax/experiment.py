"""The assembly: settings and a task become pure functions. Below this module nobody knows a config."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import objectives, optimizers
from akd_jax.augmentation import augment
from akd_jax.compilation import QUICK_TO_COMPILE
from akd_jax.config import AdamConfig, Config, RateConfig, SgdConfig
from akd_jax.errors import InputError
from akd_jax.methods import BATCH_STATS, METHODS
from akd_jax.methods.adversarial import adversarial
from akd_jax.methods.supervised import supervised
from akd_jax.models import GENERATORS, MODELS, make_classifier
from akd_jax.models.folding import Fold, fold_batch_norms
from akd_jax.objectives import OBJECTIVES, diversity_loss
from akd_jax.pixels import from_pixels
from akd_jax.sharding import ALONE, Placement
from akd_jax.task import Task
from akd_jax.types import AKDState, Array, Method, Network, Variables


class Experiment(NamedTuple):
    """One run's networks and its method.

    teacher: frozen, its batch norms folded; None where there is none. freeze: a teacher's variables -> those of
    `teacher`. generator: None where the method has none.
    """

    teacher: Network | None
    freeze: Fold
    students: dict[str, Network]
    generator: Network | None
    method: Method


def build(
    config: Config, task: Task, *, teacher: str | None, examples: int = 0, placement: Placement = ALONE
) -> Experiment:
    """teacher: its architecture, None for no teacher. examples: how many labelled images there are to learn from.

    placement: of what is played.
    Raises InputError for a name that is in no table, and for settings that do not go together.
    """
    for name in config.students:
        _check_name("students", name, MODELS)
    dtype = None if config.dtype == "float32" else jnp.dtype(config.dtype)
    size = config.image_size
    networks = {name: make_classifier(name, task.classes, image_size=size, dtype=dtype) for name in config.students}
    frozen, freeze = None, lambda variables: variables
    if teacher:
        network = make_classifier(teacher, task.classes, image_size=size, dtype=dtype)
        images = jax.ShapeDtypeStruct((1, size, size, task.channels), jnp.float32)
        frozen, freeze = fold_batch_norms(network, images)
    generator = None
    if draws(config):
        _check_name("generator.name", config.generator.name, GENERATORS)
        generator = GENERATORS[config.generator.name](
            size, task.channels, config.generator.width, mean=task.mean, std=task.std, dtype=dtype
        )
    method = method_of(config, frozen, networks, generator, task=task, examples=examples, placement=placement)
    # Rounds are traced once, though their operations are counted and their programs compiled.
    turns = {name: turn._replace(round=jax.jit(turn.round)) for name, turn in method.turns.items()}
    method = method._replace(turns=turns)
    return Experiment(frozen, freeze, networks, generator, method)


def draws(config: Config) -> bool:
    """Whether the method plays with a generator; one without learns from labelled images. Raises InputError."""
    _check_name("method", config.method, METHODS)
    return METHODS[config.method] is not supervised


def method_of(
    config: Config,
    teacher: Network | None,
    students: Mapping[str, Network],
    generator: Network | None,
    *,
    task: Task | None = None,
    examples: int = 0,
    placement: Placement = ALONE,
) -> Method:
    """The config's method, played by these networks; task, examples: for one that learns from labelled images.

    Raises InputError for settings that do not go together.
    """
    turns = [config.students] if config.schedule.students == "joint" else [(name,) for name in config.students]
    settings = {
        "batch_size": config.batch_size,
        "accumulate": config.accumulate,
        "turns": turns,
        "split": placement.split,
    }
    if draws(config):
        family = METHODS[config.method]
        return family(teacher, students, generator, **settings, **METHOD_SETTINGS[family](config))
    return _supervised(config, task, teacher, students, examples=examples, **settings)


def initial_state(experiment: Experiment, key: Array) -> AKDState:
    """Fresh players. Random numbers take XLA:CPU long to optimise, and here each program of them runs once."""
    return jax.jit(experiment.method.init, compiler_options=dict(QUICK_TO_COMPILE))(key)


def starting_from(state: AKDState, starts: Mapping[str, Variables]) -> AKDState:
    """The state with copies of these variables, which may be NumPy's, for the students named; their optimizers stay as
    they are.
    """

    def begun(player, given):
        copied = partial(jax.tree.map, jnp.array, given)  # each its own, since dispatches overwrite what they are given
        own = copied()
        return player.replace(
            params=own.params, batch_stats=own.batch_stats, average=copied() if player.average else ()
        )

    return state.replace(
        students=state.students | {name: begun(state.students[name], given) for name, given in starts.items()}
    )


def _adversarial(config: Config) -> dict[str, Any]:
    own = config.adversarial
    _check_name("adversarial.objective", own.objective, OBJECTIVES)
    _check_name("adversarial.other_player", own.other_player, BATCH_STATS)
    weight = own.diversity_weight
    penalty = {"image_penalty": lambda images: weight * diversity_loss(images)} if _counts(weight) else {}
    return {
        "student_optimizer": partial(_sgd, config.student_optimizer),
        "generator_optimizer": partial(_adam, config.generator_optimizer),
        "sample_latents": partial(_normal, latents=config.generator.latents),
        "rounds": config.schedule.epochs * config.schedule.rounds_per_epoch,
        "objective": OBJECTIVES[own.objective](own.temperature),
        "other_player": own.other_player,
        "student_steps": own.student_steps,
        "teacher_steps": own.teacher_steps,
        **penalty,
    }


METHOD_SETTINGS: dict[Callable[..., Method], Callable[[Config], dict[str, Any]]] = {adversarial: _adversarial}
"""A family of METHODS that plays with a generator -> its own arguments, from its own group of the config."""


def _supervised(
    config: Config, task: Task, teacher: Network | None, students: Mapping[str, Network], *, examples: int, **settings
) -> Method:
    own, times = config.supervised, config.schedule
    weight = own.distillation
    if not teacher and _counts(weight):
        raise InputError(f"supervised.distillation={own.distillation:g}: there is no teacher; give teacher.path, or 0")
    labels = partial(objectives.cross_entropy, smoothing=own.label_smoothing)
    distil = objectives.kl(own.temperature)

    def loss(target, outputs, classes):
        if not _counts(weight):
            return labels(outputs, classes)
        return (1 - weight) * labels(outputs, classes) + weight * distil(target, outputs)

    if times.rounds_per_epoch * config.batch_size > examples:
        raise InputError(
            f"{examples:,} images are too few for schedule.rounds_per_epoch={times.rounds_per_epoch} rounds of batches "
            f"of {config.batch_size}: lower either"
        )
    return supervised(
        teacher if _counts(weight) else None,
        students,
        loss=loss,
        optimizer=partial(_sgd, config.student_optimizer),
        augment=partial(augment, crop=own.crop, flip=own.flip),
        normalise=partial(from_pixels, mean=task.mean, std=task.std),
        image_shape=(config.image_size, config.image_size, task.channels),
        examples=examples,
        epochs=times.epochs,
        rounds_per_epoch=times.rounds_per_epoch,
        average=config.average,
        **settings,
    )


def _counts(weight: float | Array) -> bool:
    """Whether a term of this weight is there; one that is traced, as an input of the program, is none of 0."""
    return isinstance(weight, Array) or weight > 0


def _check_name(key: str, name: str, table: Any) -> None:
    if name not in table:
        raise InputError(f"{key}={name!r}: unknown; give one of {', '.join(table)}")


def _sgd(config: SgdConfig, updates: int):
    return optimizers.sgd(
        _rate(config, updates),
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.nesterov,
    )


def _adam(config: AdamConfig, updates: int):
    return optimizers.adam(_rate(config, updates), beta1=config.beta1, beta2=config.beta2)


def _rate(config: RateConfig, updates: int):
    return optimizers.learning_rate(
        config.learning_rate,
        schedule=config.schedule,
        steps=max(updates, 1),  # a run of no rounds
        final=config.final,
        milestones=config.milestones,
        warmup=config.warmup,
    )


def _normal(key: Array, *, num: int, latents: int) -> Array:
    return jax.random.normal(key, (num, latents))
