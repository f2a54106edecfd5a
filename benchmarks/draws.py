"""What rounds draw at random, so that PyTorch can play them with the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.config import Config
from akd_jax.types import Array
from benchmarks.games import ROUNDS, has_bank, student_steps


def keys_of_rounds(config: Config, key: Array) -> list[tuple[list[Array], Array]]:
    """(of each student step, of the generator step) of ROUNDS rounds of a run with this key."""
    found = []
    for number in range(ROUNDS):
        first, second = jax.random.split(jax.random.fold_in(key, number))
        students, generator = (second, _of_synthesis(first)) if has_bank(config) else (first, second)
        found.append((list(jax.random.split(students, student_steps(config))), generator))
    return found


def _of_synthesis(key: Array) -> Array:
    """A round's synthesis is the only one of a loop, after what may renew the generator."""
    _, loop = jax.random.split(key)
    return jax.random.split(loop, 1)[0]


def draws_of_rounds(config: Config, key: Array, *, classes: int) -> dict[str, np.ndarray]:
    """Name -> [ROUNDS, ...], as `_with_generator` or `_with_bank` has it for one round."""
    of_round = _with_bank if has_bank(config) else _with_generator
    rounds = [
        of_round(config, students, generator, number, classes)
        for number, (students, generator) in enumerate(keys_of_rounds(config, key))
    ]
    return {name: np.array([each[name] for each in rounds]) for name in rounds[0]}


def _with_generator(config: Config, students: list[Array], generator: Array, number: int, classes: int):
    """latents [k + 1, B, Z]: what the generator is given in each step of a round, its own step's last."""
    shape = (config.batch_size, config.generator.latents)
    return {"latents": np.array([jax.random.normal(each, shape) for each in (*students, generator)])}


def _with_bank(config: Config, students: list[Array], generator: Array, number: int, classes: int):
    """Of a synthesis: latents [B, Z], labels [B], corners [steps, B, 2], mirrored [steps, B]; of the students' steps:
    chosen [k, B], their corners [k, B, 2] and mirrored [k, B].
    """
    own, size = config.fast, config.batch_size
    latents, labels, steps = jax.random.split(generator, 3)
    views = [_view(each, size, own.crop, own.flip) for each in jax.random.split(steps, own.synthesis_steps)]
    parts = [jax.random.split(each) for each in students]
    looks = [_view(each, size, own.crop, own.flip) for _, each in parts]
    there = jnp.minimum((number + 1) * size, own.bank_capacity)
    return {
        "latents": np.array(jax.random.normal(latents, (size, config.generator.latents))),
        "labels": np.array(jax.random.randint(labels, (size,), 0, classes)),
        "corners": np.array([corners for corners, _ in views]),
        "mirrored": np.array([mirrored for _, mirrored in views]),
        "chosen": np.array([jax.random.randint(each, (size,), 0, there) for each, _ in parts]),
        "student_corners": np.array([corners for corners, _ in looks]),
        "student_mirrored": np.array([mirrored for _, mirrored in looks]),
    }


def _view(key: Array, size: int, crop: int, flip: bool) -> tuple[np.ndarray, np.ndarray]:
    """What `augment` draws: corners [size, 2], mirrored [size]."""
    crop_key, flip_key = jax.random.split(key)
    corners = jax.random.randint(crop_key, (size, 2), 0, 2 * crop + 1)
    mirrored = jax.random.bernoulli(flip_key, shape=(size, 1, 1, 1))[:, 0, 0, 0]
    return np.array(corners), np.array(mirrored & flip)
