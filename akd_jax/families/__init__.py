"""The families of methods: what is peculiar to each, and all arguments of a method from a config."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from akd_jax import told_optimizers
from akd_jax.config import Config
from akd_jax.errors import InputError, check_name
from akd_jax.families import banks, fresh, labelled
from akd_jax.families.family import Family, Scene
from akd_jax.methods import METHODS
from akd_jax.methods.adversarial import adversarial
from akd_jax.methods.cmi import cmi
from akd_jax.methods.dafl import dafl
from akd_jax.methods.deepinversion import deepinversion
from akd_jax.methods.dfq import dfq
from akd_jax.methods.fast import fast
from akd_jax.methods.nayer import nayer
from akd_jax.methods.spaceship import spaceship
from akd_jax.methods.supervised import supervised
from akd_jax.methods.zskt import zskt
from akd_jax.types import Array, Method


def family_of(config: Config) -> Family:
    """Raises InputError."""
    check_name("method", config.method, METHODS)
    return FAMILIES[METHODS[config.method]]


def draws(config: Config) -> bool:
    """Whether the method plays with a generator; one without learns from labelled images. Raises InputError."""
    return family_of(config).draws


def arguments(config: Config, family: Family, scene: Scene) -> dict[str, Any]:
    """All arguments of the family's methods but the networks, and where batches lie. Raises InputError."""
    turns = [config.students] if config.schedule.students == "joint" else [(name,) for name in config.students]
    common = {"batch_size": config.batch_size, "turns": turns}
    filling = config.schedule.filling
    if not family.keeps:
        common["accumulate"] = config.accumulate
        if filling:
            raise InputError(
                f"schedule.filling={filling}: must be 0 with method={config.method}, which keeps no images"
            )
    else:
        common["filling"] = filling * config.schedule.rounds_per_epoch
        if config.accumulate > 1:
            raise InputError(
                f"accumulate={config.accumulate}: must be 1 with method={config.method}, which keeps the best of "
                "several whole batches"
            )
    if family.draws:
        if config.average:
            raise InputError(
                f"average={config.average}: must be 0 with method={config.method}; only the supervised method has it"
            )
        pixels = config.image_size**2 * scene.task.channels
        common |= {
            "student_optimizer": partial(told_optimizers.sgd, config.student_optimizer),
            "generator_optimizer": partial(told_optimizers.adam, config.generator_optimizer),
            "sample_latents": partial(_normal, latents=pixels if family.inverts else config.generator.latents),
            "rounds": config.schedule.epochs * config.schedule.rounds_per_epoch,
        }
    return common | family.settings(config, scene)


FAMILIES: dict[Callable[..., Method], Family] = {
    adversarial: Family("adversarial", fresh.adversarial),
    zskt: Family("zskt", fresh.zskt, compares_stages=True),
    dafl: Family("dafl", fresh.dafl),
    dfq: Family("dfq", fresh.dfq, reads_statistics=True),
    fast: Family("fast", banks.fast, reads_statistics=True, keeps=True),
    nayer: Family("nayer", banks.nayer, reads_statistics=True, keeps=True),
    deepinversion: Family("deepinversion", banks.deepinversion, reads_statistics=True, keeps=True, inverts=True),
    cmi: Family("cmi", banks.cmi, reads_statistics=True, keeps=True),
    spaceship: Family(
        "spaceship", banks.spaceship, reads_statistics=True, compares_stages=True, compares_maps=True, keeps=True
    ),
    supervised: Family("supervised", labelled.supervised, draws=False),
}
"""What METHODS names -> its family."""


def _normal(key: Array, *, num: int, latents: int) -> Array:
    return jax.random.normal(key, (num, latents))
