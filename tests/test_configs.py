"""A round of every method's configs and of every pair of networks, whose programs lower for accelerators too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from config_files import FILES, OF_A_PAIR, VARIANTS
from hlo import CANONICAL, convolution_labels
from ml_collections import ConfigDict
from tiny_models import ARCH, STUDENTS

from akd_jax.config_dict import from_dict
from akd_jax.experiment import build, initial_state
from akd_jax.models import MODELS
from akd_jax.steps import run_rounds
from akd_jax.task import Task
from akd_jax.types import Lessons, Variables


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_config_has_the_name_that_calls_it(name, variant):
    assert FILES[name].get_config(variant).name == (f"{name}:{variant}" if variant else name)


def any_variables(teacher, classes, channels):
    """A teacher's, which only a test may have at random: what the numbers are does not matter here."""
    images, draw = jnp.zeros((1, 32, 32, channels)), np.random.default_rng(0)
    shapes = jax.eval_shape(MODELS[teacher].network(classes).init, jax.random.key(0), images)
    params = jax.tree.map(lambda leaf: draw.normal(0, 0.05, leaf.shape).astype(leaf.dtype), shapes.params)
    return Variables(params, jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes.batch_stats))


SMALL = [("teacher", "wrn40_2"), ("dfq", ""), ("best", "")]
"""Played with small networks: one without a generator, one that reads batch norms' statistics, one with a bank."""
# Each pair is played by one config, with its own networks, in minutes; by the others only the first.
AGAIN = {(name, variant) for name, variant in OF_A_PAIR if variant and name != "best"}
PLAYED = [
    *(pytest.param(*each, False, marks=pytest.mark.slow) for each in VARIANTS if each not in AGAIN),
    *((*each, True) for each in SMALL),
]


def shorten(settings, *, batch, most):
    """Batches of so many images, and at most so many steps of a kind; a bank of a few hundred images."""
    settings.batch_size, settings.schedule.rounds_per_epoch = batch, 1
    for own in settings.values():
        if isinstance(own, ConfigDict):
            for key in own:
                if key in ("student_steps", "synthesis_steps", "syntheses", "filling_syntheses"):
                    own[key] = min(own[key], most)
            if "bank_capacity" in own:
                own.bank_capacity = 256
    settings.cmi.negatives = min(settings.cmi.negatives, 64)
    settings.nayer.noise_layers = 1


@pytest.mark.parametrize(("name", "variant", "small"), PLAYED)
def test_a_round(name, variant, small):
    """Of 16 images and up to 15 steps; with small networks of 2 and up to 2."""
    settings = FILES[name].get_config(variant)
    batch = 2 if small else 16
    shorten(settings, batch=batch, most=2 if small else 15)
    if small:
        settings.teacher.arch, settings.students = ARCH, STUDENTS[:1]
        settings.generator.latents, settings.generator.width, settings.image_size = 8, 4, 16
    config = from_dict(settings.to_dict())
    channels = len(config.teacher.mean)
    classes = {"cifar100": 100, "cifar100_coarse16": 20}.get(config.evaluation.data, 10)
    teacher = (config.teacher.arch or "resnet20") if config.teacher.path else None
    task = Task(classes, channels, config.teacher.mean, config.teacher.std)
    experiment = build(config, task, teacher=teacher, examples=batch)
    given = experiment.freeze(any_variables(teacher, classes, channels) if teacher else ())
    if config.method == "supervised":
        size = config.image_size
        pixels = jnp.full((batch, size, size, channels), 128, jnp.uint8)
        given = Lessons(pixels, jnp.arange(batch, dtype=jnp.int32) % classes, jax.random.key(3), given)
    state, key = initial_state(experiment, jax.random.key(1)), jax.random.key(2)
    filling = ["filling"] if config.schedule.filling else []
    assert list(experiment.method.turns) == [*config.students, *filling]
    turn = run_rounds(experiment.method.turns[config.students[-1]].round, 1)
    traced = jax.jit(turn).trace(state, given, key)
    traced.lower(lowering_platforms=("cuda", "tpu"))  # raises where it does not
    program = traced.lower().compile()
    assert convolution_labels(program) == CANONICAL
    moved, metrics = program(state, given, key)
    assert moved.step == 1
    assert all(jnp.isfinite(value).all() and len(value) == 1 for value in jax.tree.leaves(metrics))
    assert not any(value.any() for value in jax.tree.leaves(metrics) if value.dtype == bool), "a step was left out"
