"""Recipes on the grounds of configs/methods.py: their lengths, and their operations."""

import jax
import jax.numpy as jnp
import methods as recipes
import pytest

from akd_jax.config_dict import from_dict
from akd_jax.experiment import build
from akd_jax.flops import count_flops
from akd_jax.models import MODELS
from akd_jax.schedule import Schedule, rounds_by_turn
from akd_jax.task import Task
from akd_jax.types import FILLING


def operations(variant):
    """Of a whole run."""
    config = from_dict(recipes.get_config(variant).to_dict())
    teacher, times, size = config.teacher, config.schedule, config.image_size
    task = Task(recipes.GROUNDS[variant.partition("_")[0]].classes, len(teacher.mean), teacher.mean, teacher.std)
    experiment = build(config, task, teacher=teacher.arch)
    images = jnp.zeros((1, size, size, task.channels))
    loaded = jax.eval_shape(MODELS[teacher.arch].network(task.classes).init, jax.random.key(0), images)
    given = jax.eval_shape(experiment.freeze, loaded)
    state = jax.eval_shape(experiment.method.init, jax.random.key(0))
    turns = experiment.method.turns
    schedule = Schedule(
        tuple(name for name in turns if name != FILLING), times.epochs, times.rounds_per_epoch, 0, times.filling
    )
    return sum(
        rounds * count_flops(turns[turn].round, state, given, jax.random.key(0))
        for turn, rounds in rounds_by_turn(schedule, schedule.rounds).items()
    )


@pytest.mark.parametrize("recipe", ["akd", "best"])
def test_a_recipe_has_its_grounds_operations(recipe):
    assert operations(f"digits_{recipe}") == pytest.approx(recipes.DIGITS.operations, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ground"), recipes.GROUNDS.items())
def test_all_recipes_of_a_ground_have_the_same_operations(name, ground):
    spent = {recipe: operations(f"{name}_{recipe}") for recipe in ground.lengths}
    assert spent == {recipe: pytest.approx(ground.operations, rel=0.05) for recipe in spent}


def test_every_recipe_has_a_length_on_every_ground():
    assert all(ground.lengths.keys() == recipes.RECIPES.keys() for ground in recipes.GROUNDS.values())
