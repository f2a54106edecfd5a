"""The assembly: settings and a task become pure functions. Of those below, only families and told_optimizers, which put
settings into arguments, know a config; in a sweep its swept numbers are traced.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax.compilation import QUICK_TO_COMPILE
from akd_jax.config import Config
from akd_jax.errors import InputError, check_name
from akd_jax.families import arguments, family_of
from akd_jax.families.family import Scene
from akd_jax.methods import METHODS
from akd_jax.models import GENERATORS, MODELS, make_classifier, pixels
from akd_jax.models.folding import Fold, fold_batch_norms
from akd_jax.sharding import ALONE, Placement
from akd_jax.task import Task
from akd_jax.types import AKDState, Array, Method, Network, Outputs, Variables


class Experiment(NamedTuple):
    """One run's networks and its method.

    teacher: frozen, its batch norms folded unless the method reads their statistics; None where there is none.
    freeze: a teacher's variables -> those of `teacher`. generator: None where the method has none.
    """

    teacher: Network | None
    freeze: Fold
    students: dict[str, Network]
    generator: Network | None
    method: Method


def build(
    config: Config,
    task: Task,
    *,
    teacher: str | None,
    examples: int = 0,
    embeddings: Array | None = None,
    placement: Placement = ALONE,
) -> Experiment:
    """teacher: its architecture, None for no teacher. examples: how many labelled images there are to learn from.

    embeddings: as of `Scene`. placement: of what is played.
    Raises InputError for a name that is in no table, and for settings that do not go together.
    """
    family = family_of(config)
    for name in config.students:
        check_name("students", name, MODELS)
    dtype = None if config.dtype == "float32" else jnp.dtype(config.dtype)
    size = config.image_size
    networks = {name: make_classifier(name, task.classes, image_size=size, dtype=dtype) for name in config.students}
    frozen, freeze = None, lambda variables: variables
    if teacher:
        frozen = make_classifier(teacher, task.classes, image_size=size, dtype=dtype)
        if not family.reads_statistics:
            images = jax.ShapeDtypeStruct((1, size, size, task.channels), jnp.float32)
            frozen, freeze = fold_batch_norms(frozen, images)
    if frozen and family.compares_stages:
        images = jax.ShapeDtypeStruct((1, size, size, task.channels), jnp.float32)
        looks = [_outputs(network, images) for network in (frozen, *networks.values())]
        wanted, *others = ({stage.shape[1:3] for stage in each.stages} for each in looks)
        for name, found in zip(networks, others, strict=True):
            if not wanted & found:
                raise InputError(
                    f"students: {name} has stages of {_sides(found)} and the teacher, {teacher}, of {_sides(wanted)} "
                    f"pixels; method={config.method} compares those of one size"
                )
        wanted, *others = (each.maps.shape[1:3] for each in looks)
        for name, found in zip(networks, others, strict=True):
            if family.compares_maps and found != wanted:
                raise InputError(
                    f"students: {name} ends with maps of {_sides({found})} and the teacher, {teacher}, of "
                    f"{_sides({wanted})} pixels; method={config.method} compares these"
                )
    generator = None
    if family.inverts:
        generator = pixels(size, task.channels)
    elif family.draws:
        own = config.generator
        check_name("generator.name", own.name, GENERATORS)
        generator = GENERATORS[own.name].network(
            size, task.channels, own.width, mean=task.mean, std=task.std, dtype=dtype
        )
    scene = Scene(task, taught=teacher is not None, examples=examples, embeddings=embeddings)
    method = method_of(config, frozen, networks, generator, scene=scene, placement=placement)
    # Rounds are traced once, though their operations are counted and their programs compiled.
    turns = {name: turn._replace(round=jax.jit(turn.round)) for name, turn in method.turns.items()}
    method = method._replace(turns=turns)
    return Experiment(frozen, freeze, networks, generator, method)


def _outputs(network: Network, images: jax.ShapeDtypeStruct) -> Outputs:
    """The shapes of what the network says of these images."""

    def look(key: Array, images: Array) -> Outputs:
        return network.apply(network.init(key, images), images, train=False)[0]

    return jax.eval_shape(look, jax.random.key(0), images)


def _sides(stages: set[tuple[int, int]]) -> str:
    return ", ".join(f"{height}x{width}" for height, width in sorted(stages, reverse=True)) or "no"


def method_of(
    config: Config,
    teacher: Network | None,
    students: Mapping[str, Network],
    generator: Network | None,
    *,
    scene: Scene,
    placement: Placement = ALONE,
) -> Method:
    """The config's method, played by these networks.

    Raises InputError for settings that do not go together.
    """
    family = family_of(config)
    networks = (teacher, students, generator) if family.draws else (teacher, students)
    return METHODS[config.method](*networks, split=placement.split, **arguments(config, family, scene))


def initial_state(experiment: Experiment, key: Array) -> AKDState:
    """Fresh players. Random numbers take XLA:CPU long to optimise, and here each program of them runs once."""
    return jax.jit(experiment.method.init, compiler_options=dict(QUICK_TO_COMPILE))(key)


def starting_from(state: AKDState, starts: Mapping[str, Variables]) -> AKDState:
    """The state with copies of these arrays, which may be NumPy's, for the students named; what is None in their place
    stays, and so do their optimizers.
    """

    def begun(player, given):
        def copied():  # each its own, since dispatches overwrite what they are given
            return jax.tree.map(lambda own, given: jnp.array(own if given is None else given), player.variables, given)

        own = copied()
        return player.replace(
            params=own.params, batch_stats=own.batch_stats, average=copied() if player.average else ()
        )

    return state.replace(
        students=state.students | {name: begun(state.students[name], given) for name, given in starts.items()}
    )
