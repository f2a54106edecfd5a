"""Arguments of methods that keep the images they make, from their settings."""

from functools import partial
from typing import Any

import jax

from akd_jax import embeddings, optimizers, told_optimizers
from akd_jax.augmentation import MIXES, augment_normalised, mirrored, zoomed
from akd_jax.config import Config
from akd_jax.errors import InputError, check_name
from akd_jax.families.family import Scene, counts
from akd_jax.methods.synthesis import Weights
from akd_jax.models import GENERATORS, class_rows
from akd_jax.models.projection import projection
from akd_jax.objectives import jensen_shannon
from akd_jax.pixels import from_pixels, to_pixels
from akd_jax.types import Array


def fast(config: Config, scene: Scene) -> dict[str, Any]:
    own, outer = dict(vars(config.fast)), config.generator_optimizer
    rates = {"params": outer.learning_rate, "latents": own.pop("latents_rate")}
    inner = {
        name: optimizers.adam(
            optimizers.learning_rate(rate, schedule="constant", steps=1), beta1=outer.beta1, beta2=outer.beta2
        )
        for name, rate in rates.items()
    }
    own["reset_at"] = round(own["reset_at"] * _rounds(config))
    return {
        **_replay(config, "fast", own, scene, made=config.batch_size),
        "classes": scene.task.classes,
        "first_layers": GENERATORS[config.generator.name].first_layers,
        "inner_optimizer": optimizers.by_name(inner),
        "generator_optimizer": partial(told_optimizers.adam, outer, times=own["synthesis_steps"]),
    }


def nayer(config: Config, scene: Scene) -> dict[str, Any]:
    own, classes = config.nayer, scene.task.classes
    made = own.noise_layers * classes
    if made % config.mesh.data:
        raise InputError(
            f"mesh.data={config.mesh.data}: must be a divisor of {made}, nayer.noise_layers images of each class in a "
            "synthesis, of which every device has its share"
        )
    return {
        **_replay(config, "nayer", dict(vars(own)), scene, made=made),
        "classes": classes,
        "embeddings": embeddings.of_classes(own.embeddings, classes, scene.embeddings),
    }


def deepinversion(config: Config, scene: Scene) -> dict[str, Any]:
    own = dict(vars(config.deepinversion))
    return {
        "raised": jensen_shannon(own["temperature"]),
        **_replay(config, "deepinversion", own, scene, made=config.batch_size),
        "classes": scene.task.classes,
    }


def cmi(config: Config, scene: Scene) -> dict[str, Any]:
    own = dict(vars(config.cmi))
    rate = optimizers.learning_rate(own.pop("head_rate"), schedule="constant", steps=1)
    zoom, size = partial(_zoomed, least=own.pop("zoom"), flip=own["flip"]), own.pop("projection")
    return {
        **_replay(config, "cmi", own, scene, made=config.batch_size),
        "classes": scene.task.classes,
        "zoom": zoom,
        "head": projection(size),
        "head_optimizer": optimizers.adam(rate, beta1=config.generator_optimizer.beta1),
    }


def spaceship(config: Config, scene: Scene) -> dict[str, Any]:
    return {
        **_replay(config, "spaceship", dict(vars(config.spaceship)), scene, made=config.batch_size),
        "classes": scene.task.classes,
        "rows": class_rows,
    }


def _replay(config: Config, group: str, own: dict[str, Any], scene: Scene, *, made: int) -> dict[str, Any]:
    """`own`, settings of this group, with functions in place of those that say how images of a bank are seen, and with
    `Weights`, in rounds, in place of those that say what a synthesis minimises, in shares of the run; where the
    adversarial term weighs nothing, with none that is `raised`, so that students do not look at what is synthesised.

    made: images of one synthesis. Raises InputError for a bank that is too small for these, and for an unknown mix.
    """
    if own["bank_capacity"] < made:
        raise InputError(
            f"{group}.bank_capacity={own['bank_capacity']}: must be at least {made}, the images of one synthesis"
        )
    check_name(f"{group}.mix", own["mix"], MIXES)
    rounds, rest = _rounds(config), dict(own)
    crop, flip, mix = (rest.pop(key) for key in ("crop", "flip", "mix"))
    unraised = {} if counts(rest["adversarial_weight"]) else {"raised": None}
    weights = Weights(
        batch_norm=rest.pop("batch_norm_weight"),
        batch_norm_memory=rest.pop("batch_norm_memory"),
        one_hot=rest.pop("one_hot_weight"),
        adversarial=rest.pop("adversarial_weight"),
        adversarial_from=rest.pop("adversarial_from") * rounds,
        adversarial_ramp=rest.pop("adversarial_ramp") * rounds,
    )
    task = scene.task
    return {
        **rest,
        **unraised,
        "weights": weights,
        "mix": MIXES[mix],
        "augment": partial(augment_normalised, mean=task.mean, std=task.std, crop=crop, flip=flip),
        "to_pixels": partial(to_pixels, mean=task.mean, std=task.std),
        "normalise": partial(from_pixels, mean=task.mean, std=task.std),
    }


def _rounds(config: Config) -> int:
    """Of the run, of all students."""
    turns = 1 if config.schedule.students == "joint" else len(config.students)
    return config.schedule.epochs * config.schedule.rounds_per_epoch * turns


def _zoomed(key: Array, images: Array, *, least: float, flip: bool) -> Array:
    zoom_key, flip_key = jax.random.split(key)
    images = zoomed(zoom_key, images, least=least)
    return mirrored(flip_key, images) if flip else images
