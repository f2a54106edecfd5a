"""A game small enough to compile in seconds: real networks, 8x8 images, batches of 4."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax.config import DaflConfig, DfqConfig, FastConfig, ZsktConfig
from akd_jax.methods import METHODS
from akd_jax.methods.adversarial import adversarial
from akd_jax.methods.dafl import dafl
from akd_jax.methods.dfq import dfq
from akd_jax.methods.fast import fast
from akd_jax.methods.zskt import zskt
from akd_jax.models.generator import GeneratorA
from akd_jax.models.network import classifier, image_generator
from akd_jax.models.resnet import ResNet
from akd_jax.objectives import OBJECTIVES
from akd_jax.optimizers import adam, by_name, learning_rate, sgd
from akd_jax.types import AKDState, Method, Network, Variables

BATCH, LATENTS, SIZE, CLASSES = 4, 8, 8, 5


class Game(NamedTuple):
    teacher: Network
    students: dict[str, Network]
    generator: Network
    method: Method
    state: AKDState
    teacher_variables: Variables


def constant(rate):
    return learning_rate(rate, schedule="constant", steps=1)


def make_networks():
    teacher = classifier(ResNet(CLASSES, (1, 1), (8, 16)))
    students = {"large": classifier(ResNet(CLASSES, (1, 1), (4, 8))), "small": classifier(ResNet(CLASSES, (1,), (4,)))}
    return teacher, students, image_generator(GeneratorA(SIZE, 1, 4))


def own_settings(method, student_steps):
    """A method's own, as its config has them, but for a game of this size."""
    family = METHODS[method]
    if family is adversarial:
        return {"objective": OBJECTIVES["l1"](1.0), "student_steps": student_steps}
    if family is dafl:
        return vars(DaflConfig())
    if family is fast:
        own = vars(FastConfig(student_steps=student_steps, synthesis_steps=2, bank_capacity=3 * BATCH, padding=1))
        rates = {"params": own["generator_rate"], "latents": own["latents_rate"]}
        of_game = {"classes": CLASSES, "mean": (0.4,), "std": (0.3,), "first_layers": ("l1_0", "conv_blocks0_0")}
        inner = by_name({name: adam(constant(rate), beta1=0.5) for name, rate in rates.items()})
        return (
            {key: value for key, value in own.items() if not key.endswith("_rate")}
            | of_game
            | {"inner_optimizer": inner}
        )
    return vars({zskt: ZsktConfig, dfq: DfqConfig}[family](student_steps=student_steps))


def make_game(method="akd", student_steps=2, networks=None, **settings) -> Game:
    networks = networks or make_networks()
    settings = {
        **own_settings(method, student_steps),
        "student_optimizer": lambda updates: sgd(constant(0.05), momentum=0.9, weight_decay=5e-4),
        "generator_optimizer": lambda updates: adam(constant(1e-3)),
        "sample_latents": lambda key, *, num: jax.random.normal(key, (num, LATENTS)),
        "batch_size": BATCH,
        "rounds": 10,
    } | settings
    played = METHODS[method](*networks, **settings)
    state = jax.jit(played.init, compiler_options={"xla_backend_optimization_level": 0})(jax.random.key(0))
    teacher_variables = networks[0].init(jax.random.key(1), jnp.zeros((1, SIZE, SIZE, 1)))
    return Game(*networks, played, state, teacher_variables)


def equal(one, other) -> bool:
    """Bitwise."""
    same = jax.tree.map(lambda a, b: a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all()), one, other)
    return jax.tree.all(same)
