"""A game small enough to compile in seconds: real networks, 8x8 images, batches of 4."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.config import (
    AdamConfig,
    AdversarialConfig,
    CmiConfig,
    Config,
    DeepInversionConfig,
    DfqConfig,
    FastConfig,
    NayerConfig,
    SgdConfig,
    SpaceshipConfig,
    TeacherConfig,
    ZsktConfig,
)
from akd_jax.families import FAMILIES
from akd_jax.families.family import Scene
from akd_jax.methods import METHODS
from akd_jax.methods.synthesis import Weights
from akd_jax.models.generator import GeneratorA
from akd_jax.models.network import classifier, image_generator
from akd_jax.models.resnet import ResNet
from akd_jax.optimizers import adam, learning_rate, sgd
from akd_jax.task import Task
from akd_jax.types import AKDState, Method, Network, Variables

BATCH, LATENTS, SIZE, CLASSES = 4, 8, 8, 5


class Game(NamedTuple):
    teacher: Network
    students: dict[str, Network]
    generator: Network
    method: Method
    state: AKDState
    teacher_variables: Variables


def quick(function, **how):
    """Compiled, in a hurry."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0}, **how)


def normal(key, *, num, length=LATENTS):
    return jax.random.normal(key, (num, length))


def constant(rate):
    return learning_rate(rate, schedule="constant", steps=1)


def make_networks(dtype=None):
    def resnet(blocks, channels):
        return classifier(ResNet(CLASSES, blocks, channels, dtype=dtype))

    students = {"large": resnet((1, 1), (4, 8)), "small": resnet((1,), (4,))}
    return resnet((1, 1), (8, 16)), students, image_generator(GeneratorA(SIZE, 1, 4, dtype=dtype))


def config_of(method, student_steps):
    """A method's own numbers, but for a game of this size."""
    steps = {"student_steps": student_steps}
    return Config(
        name="tiny",
        teacher=TeacherConfig(path="", arch="", mean=(0.4,), std=(0.3,)),
        students=("large", "small"),
        student_optimizer=SgdConfig(0.05),
        generator_optimizer=AdamConfig(1e-3, beta1=0.5),
        method=method,
        batch_size=BATCH,
        adversarial=AdversarialConfig(**steps),
        zskt=ZsktConfig(**steps),
        dfq=DfqConfig(**steps),
        nayer=NayerConfig(**steps, filling_syntheses=3, synthesis_steps=2, noise_layers=2, bank_capacity=25, crop=1),
        deepinversion=DeepInversionConfig(**steps, synthesis_steps=2, bank_capacity=3 * BATCH, adversarial_weight=1.0),
        cmi=CmiConfig(**steps, synthesis_steps=2, bank_capacity=3 * BATCH, crop=1, negatives=6, projection=8),
        spaceship=SpaceshipConfig(**steps, synthesis_steps=2, bank_capacity=3 * BATCH, crop=1),
        fast=FastConfig(**steps, synthesis_steps=2, bank_capacity=3 * BATCH, crop=1),
    )


def make_method(method, student_steps, networks, **settings) -> Method:
    config = config_of(method, student_steps)
    scene = Scene(Task(CLASSES, 1, config.teacher.mean, config.teacher.std), taught=True, examples=0)
    settings = {
        **FAMILIES[METHODS[method]].settings(config, scene),
        "student_optimizer": lambda updates: sgd(constant(0.05), momentum=0.9, weight_decay=5e-4),
        "generator_optimizer": lambda updates: adam(constant(1e-3)),
        "sample_latents": normal,
        "batch_size": BATCH,
        "rounds": 10,
    } | settings
    return METHODS[method](*networks, **settings)


def make_game(method="akd", student_steps=2, networks=None, dtype=None, **settings) -> Game:
    networks = networks or make_networks(dtype)
    played = make_method(method, student_steps, networks, **settings)
    state = quick(played.init)(jax.random.key(0))
    teacher_variables = quick(networks[0].init)(jax.random.key(1), jnp.zeros((1, SIZE, SIZE, 1)))
    return Game(*networks, played, state, teacher_variables)


def weights(**changes) -> Weights:
    """Fast-Datafree's and NAYER's, of which the adversarial one counts from the first round on."""
    return Weights(10.0, 0.9, 0.5, 1.33, adversarial_from=0, adversarial_ramp=0)._replace(**changes)


def make_close_game(method, *, generator=None, sample_latents=normal, **settings) -> Game:
    """A game whose teacher tells images apart, and of whose students "large" is nearly its copy.

    So they agree on some images and not on others. Networks that have learnt nothing put all into a class of their own.
    """
    teacher, students, small = make_networks()
    generator = generator or small
    networks = teacher, {**students, "large": teacher}, generator
    game = make_game(method, networks=networks, sample_latents=sample_latents, **settings)
    key, noise_key = jax.random.split(jax.random.key(9))
    latents = sample_latents(key, num=32)

    @quick
    def close(of_generator, of_teacher):
        images, _ = generator.apply(of_generator, latents, train=True)
        head = of_teacher.params["fc"]["kernel"]
        noisy = head + 0.7 * head.std() * jax.random.normal(noise_key, head.shape)
        return _undecided(teacher, of_teacher, head, images), _undecided(teacher, of_teacher, noisy, images)

    told, copy = close(game.state.generator.variables, game.teacher_variables)
    large = game.state.students["large"].replace(params=copy.params, batch_stats=copy.batch_stats)
    state = game.state.replace(students={**game.state.students, "large": large})
    return game._replace(state=state, teacher_variables=told)


def _undecided(network, variables, kernel, images):
    """With this head, whose logits are of mean 0 over these images in every class, and of deviation 3."""
    params = {**variables.params, "fc": {"kernel": kernel, "bias": jnp.zeros(CLASSES)}}
    outputs, _ = network.apply(Variables(params, variables.batch_stats), images, train=False)
    scale = 3 / outputs.logits.std(0).mean()
    fc = {"kernel": scale * kernel, "bias": -scale * outputs.logits.mean(0)}
    return Variables({**params, "fc": fc}, variables.batch_stats)


def moves(key, *, num, most):
    """Where each pixel of augmented images comes from: rows, columns, and whether it is of the image at all.

    [num, SIZE, SIZE] each, image by image; of the random numbers that akd_jax/augmentation.py draws with the key.
    """
    crop_key, flip_key = jax.random.split(key)
    corners = np.asarray(jax.random.randint(crop_key, (num, 2), 0, 2 * most + 1)) - most
    mirrored = np.asarray(jax.random.bernoulli(flip_key, shape=(num, 1, 1, 1))).ravel()
    found = np.zeros((3, num, SIZE, SIZE), int)
    for n, (down, right) in enumerate(corners):
        for y in range(SIZE):
            for x in range(SIZE):
                row, column = y + down, (SIZE - 1 - x if mirrored[n] else x) + right
                inside = 0 <= row < SIZE and 0 <= column < SIZE
                found[:, n, y, x] = (row, column, True) if inside else (0, 0, False)
    return found


def moved_images(images, found, *, mean, std):
    """Images as networks see them, of these `moves`; what is of no image is black."""
    rows, columns, inside = found
    taken = images[jnp.arange(len(images))[:, None, None], rows, columns]
    return jnp.where(inside[..., None], taken, (0 - jnp.array(mean)) / jnp.array(std))


def doubled(tree):
    """In float64."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf, tree)


def normal_doubled(key, *, num):
    return jax.random.normal(key, (num, LATENTS), jnp.float64)


def equal(one, other) -> bool:
    """Bitwise."""
    same = jax.tree.map(lambda a, b: a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all()), one, other)
    return jax.tree.all(same)
