"""The families of methods: what is peculiar to each, and its arguments from a config."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from akd_jax import embeddings, objectives, optimizers, told_optimizers
from akd_jax.augmentation import MIXES, augment, augment_normalised, mirrored, zoomed
from akd_jax.config import Config
from akd_jax.errors import InputError
from akd_jax.methods import BATCH_STATS, METHODS
from akd_jax.methods.adversarial import adversarial
from akd_jax.methods.cmi import cmi
from akd_jax.methods.dafl import dafl
from akd_jax.methods.deepinversion import deepinversion
from akd_jax.methods.dfq import dfq
from akd_jax.methods.fast import fast
from akd_jax.methods.nayer import nayer
from akd_jax.methods.spaceship import spaceship
from akd_jax.methods.supervised import supervised
from akd_jax.methods.synthesis import Weights
from akd_jax.methods.zskt import zskt
from akd_jax.models import GENERATORS, class_rows
from akd_jax.models.projection import projection
from akd_jax.objectives import OBJECTIVES, diversity_loss
from akd_jax.pixels import from_pixels, to_pixels
from akd_jax.task import Task
from akd_jax.types import Array, Method


class Scene(NamedTuple):
    """What a method is played on.

    taught: whether there is a teacher. examples: how many labelled images there are. embeddings: [classes, D] from a
    file, None where the settings name none.
    """

    task: Task
    taught: bool
    examples: int
    embeddings: Array | None = None


class Family(NamedTuple):
    """group: the key of its own settings in a config.

    settings: (config, scene) -> its own arguments, from that group; may raise InputError.
    draws: whether it plays with a generator; a family without learns from labelled images.
    reads_statistics: whether it goes by the teacher's batch norms, which then must not be folded away.
    compares_stages: whether it compares stages of one height and width, which teacher and student then must have.
    compares_maps: whether, beside stages, also the maps before the last layer, all of one height and width.
    keeps: whether it keeps the images it makes, the best of several whole batches, in a bank: such batches are not
    played in parts, and students may sit out while it is filled.
    inverts: whether its latents are the pixels themselves, whatever generator the config has.
    """

    group: str
    settings: Callable[[Config, Scene], dict[str, Any]]
    draws: bool = True
    reads_statistics: bool = False
    compares_stages: bool = False
    compares_maps: bool = False
    keeps: bool = False
    inverts: bool = False


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
        pixels = config.image_size**2 * scene.task.channels
        common |= {
            "student_optimizer": partial(told_optimizers.sgd, config.student_optimizer),
            "generator_optimizer": partial(told_optimizers.adam, config.generator_optimizer),
            "sample_latents": partial(_normal, latents=pixels if family.inverts else config.generator.latents),
            "rounds": config.schedule.epochs * config.schedule.rounds_per_epoch,
        }
    return common | family.settings(config, scene)


def check_name(key: str, name: str, table: Any) -> None:
    """Raises InputError for a name that is not in the table."""
    if name not in table:
        raise InputError(f"{key}={name!r}: unknown; give one of {', '.join(table)}")


def _adversarial(config: Config, scene: Scene) -> dict[str, Any]:
    own = config.adversarial
    check_name("adversarial.objective", own.objective, OBJECTIVES)
    check_name("adversarial.other_player", own.other_player, BATCH_STATS)
    drawn = config.batch_size // config.accumulate
    if own.replay_decay and drawn % 2:
        raise InputError(
            f"adversarial.replay_decay={own.replay_decay}: of every batch half is of the averaged generator, so "
            f"batch_size / accumulate, {drawn}, must be even"
        )
    weight = own.diversity_weight
    penalty = {"prior": lambda images, *_: weight * diversity_loss(images)} if _counts(weight) else {}
    return {
        "objective": OBJECTIVES[own.objective](own.temperature),
        "other_player": own.other_player,
        "student_steps": own.student_steps,
        "teacher_steps": own.teacher_steps,
        "replay_decay": own.replay_decay,
        **penalty,
    }


def _zskt(config: Config, scene: Scene) -> dict[str, Any]:
    check_name("zskt.student_statistics", config.zskt.student_statistics, BATCH_STATS)
    return dict(vars(config.zskt))


def _dafl(config: Config, scene: Scene) -> dict[str, Any]:
    return dict(vars(config.dafl))


def _dfq(config: Config, scene: Scene) -> dict[str, Any]:
    check_name("dfq.student_statistics", config.dfq.student_statistics, BATCH_STATS)
    return dict(vars(config.dfq))


def _fast(config: Config, scene: Scene) -> dict[str, Any]:
    own, outer = dict(vars(config.fast)), config.generator_optimizer
    rates = {"params": outer.learning_rate, "latents": own.pop("latents_rate")}
    inner = {
        name: optimizers.adam(
            optimizers.learning_rate(rate, schedule="constant", steps=1), beta1=outer.beta1, beta2=outer.beta2
        )
        for name, rate in rates.items()
    }
    return {
        **_replay(config, own, scene, made=config.batch_size),
        "classes": scene.task.classes,
        "first_layers": GENERATORS[config.generator.name].first_layers,
        "inner_optimizer": optimizers.by_name(inner),
        "generator_optimizer": partial(told_optimizers.adam, outer, times=own["synthesis_steps"]),
    }


def _nayer(config: Config, scene: Scene) -> dict[str, Any]:
    own, classes = config.nayer, scene.task.classes
    made = own.noise_layers * classes
    if made % config.mesh.data:
        raise InputError(
            f"mesh.data={config.mesh.data}: must be a divisor of {made}, nayer.noise_layers images of each class in a "
            "synthesis, of which every device has its share"
        )
    return {
        **_replay(config, dict(vars(own)), scene, made=made),
        "classes": classes,
        "embeddings": embeddings.of_classes(own.embeddings, classes, scene.embeddings),
    }


def _deepinversion(config: Config, scene: Scene) -> dict[str, Any]:
    return {
        **_replay(config, dict(vars(config.deepinversion)), scene, made=config.batch_size),
        "classes": scene.task.classes,
    }


def _cmi(config: Config, scene: Scene) -> dict[str, Any]:
    own = dict(vars(config.cmi))
    rate = optimizers.learning_rate(own.pop("head_rate"), schedule="constant", steps=1)
    zoom, size = partial(_zoomed, least=own.pop("zoom"), flip=own["flip"]), own.pop("projection")
    return {
        **_replay(config, own, scene, made=config.batch_size),
        "classes": scene.task.classes,
        "zoom": zoom,
        "head": projection(size),
        "head_optimizer": optimizers.adam(rate, beta1=config.generator_optimizer.beta1),
    }


def _spaceship(config: Config, scene: Scene) -> dict[str, Any]:
    own = dict(vars(config.spaceship))
    raised = {} if _counts(own["adversarial_weight"]) else {"raised": None}
    return {
        **_replay(config, own, scene, made=config.batch_size),
        "classes": scene.task.classes,
        "rows": class_rows,
        **raised,
    }


def _replay(config: Config, own: dict[str, Any], scene: Scene, *, made: int) -> dict[str, Any]:
    """A group of settings of which some say how images of a bank are seen: these as functions instead; and others what
    a synthesis minimises, in shares of the run: these as `Weights`, in rounds.

    made: images of one synthesis. Raises InputError for a bank that is too small for these, and for an unknown mix.
    """
    group = family_of(config).group
    if own["bank_capacity"] < made:
        raise InputError(
            f"{group}.bank_capacity={own['bank_capacity']}: must be at least {made}, the images of one synthesis"
        )
    check_name(f"{group}.mix", own["mix"], MIXES)
    turns = 1 if config.schedule.students == "joint" else len(config.students)
    rounds = config.schedule.epochs * config.schedule.rounds_per_epoch * turns
    rest = dict(own)
    crop, flip, mix = (rest.pop(key) for key in ("crop", "flip", "mix"))
    weights = Weights(
        batch_norm=rest.pop("batch_norm_weight"),
        batch_norm_memory=rest.pop("batch_norm_memory"),
        one_hot=rest.pop("one_hot_weight"),
        adversarial=rest.pop("adversarial_weight"),
        adversarial_from=rest.pop("adversarial_from") * rounds,
        adversarial_ramp=rest.pop("adversarial_ramp") * rounds,
    )
    task = scene.task
    return rest | {
        "weights": weights,
        "mix": MIXES[mix],
        "augment": partial(augment_normalised, mean=task.mean, std=task.std, crop=crop, flip=flip),
        "to_pixels": partial(to_pixels, mean=task.mean, std=task.std),
        "normalise": partial(from_pixels, mean=task.mean, std=task.std),
    }


def _supervised(config: Config, scene: Scene) -> dict[str, Any]:
    own, times, task = config.supervised, config.schedule, scene.task
    weight = own.distillation
    if not scene.taught and _counts(weight):
        raise InputError(f"supervised.distillation={own.distillation:g}: there is no teacher; give teacher.path, or 0")
    labels = partial(objectives.cross_entropy, smoothing=own.label_smoothing)
    distil = objectives.kl(own.temperature)

    def loss(target, outputs, classes):
        if not _counts(weight):
            return labels(outputs, classes)
        return (1 - weight) * labels(outputs, classes) + weight * distil(target, outputs)

    if times.rounds_per_epoch * config.batch_size > scene.examples:
        raise InputError(
            f"{scene.examples:,} images are too few for schedule.rounds_per_epoch={times.rounds_per_epoch} rounds of "
            f"batches of {config.batch_size}: lower either"
        )
    return {
        "loss": loss,
        "distils": _counts(weight),
        "optimizer": partial(told_optimizers.sgd, config.student_optimizer),
        "augment": partial(augment, crop=own.crop, flip=own.flip),
        "normalise": partial(from_pixels, mean=task.mean, std=task.std),
        "image_shape": (config.image_size, config.image_size, task.channels),
        "examples": scene.examples,
        "epochs": times.epochs,
        "rounds_per_epoch": times.rounds_per_epoch,
        "average": config.average,
    }


FAMILIES: dict[Callable[..., Method], Family] = {
    adversarial: Family("adversarial", _adversarial),
    zskt: Family("zskt", _zskt, compares_stages=True),
    dafl: Family("dafl", _dafl),
    dfq: Family("dfq", _dfq, reads_statistics=True),
    fast: Family("fast", _fast, reads_statistics=True, keeps=True),
    nayer: Family("nayer", _nayer, reads_statistics=True, keeps=True),
    deepinversion: Family("deepinversion", _deepinversion, reads_statistics=True, keeps=True, inverts=True),
    cmi: Family("cmi", _cmi, reads_statistics=True, keeps=True),
    spaceship: Family(
        "spaceship", _spaceship, reads_statistics=True, compares_stages=True, compares_maps=True, keeps=True
    ),
    supervised: Family("supervised", _supervised, draws=False),
}
"""What METHODS names -> its family."""


def _counts(weight: float | Array) -> bool:
    """Whether a term of this weight is there; one that is traced, as an input of the program, is none of 0."""
    return isinstance(weight, Array) or weight > 0


def _zoomed(key: Array, images: Array, *, least: float, flip: bool) -> Array:
    zoom_key, flip_key = jax.random.split(key)
    images = zoomed(zoom_key, images, least=least)
    return mirrored(flip_key, images) if flip else images


def _normal(key: Array, *, num: int, latents: int) -> Array:
    return jax.random.normal(key, (num, latents))
