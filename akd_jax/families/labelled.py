"""Arguments of the method that learns from labelled images, from its settings."""

from functools import partial
from typing import Any

from akd_jax import objectives, told_optimizers
from akd_jax.augmentation import augment
from akd_jax.config import Config
from akd_jax.errors import InputError
from akd_jax.families.family import Scene, counts
from akd_jax.pixels import from_pixels


def supervised(config: Config, scene: Scene) -> dict[str, Any]:
    own, times, task = config.supervised, config.schedule, scene.task
    weight = own.distillation
    if not scene.taught and counts(weight):
        raise InputError(f"supervised.distillation={own.distillation:g}: there is no teacher; give teacher.path, or 0")
    labels = partial(objectives.cross_entropy, smoothing=own.label_smoothing)
    distil = objectives.kl(own.temperature)

    def loss(target, outputs, classes):
        if not counts(weight):
            return labels(outputs, classes)
        return (1 - weight) * labels(outputs, classes) + weight * distil(target, outputs)

    if times.rounds_per_epoch * config.batch_size > scene.examples:
        raise InputError(
            f"{scene.examples:,} images are too few for schedule.rounds_per_epoch={times.rounds_per_epoch} rounds of "
            f"batches of {config.batch_size}: lower either"
        )
    return {
        "loss": loss,
        "distils": counts(weight),
        "optimizer": partial(told_optimizers.sgd, config.student_optimizer),
        "augment": partial(augment, crop=own.crop, flip=own.flip),
        "normalise": partial(from_pixels, mean=task.mean, std=task.std),
        "image_shape": (config.image_size, config.image_size, task.channels),
        "examples": scene.examples,
        "epochs": times.epochs,
        "rounds_per_epoch": times.rounds_per_epoch,
        "average": config.average,
    }
