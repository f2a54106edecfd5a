"""Methods that read the teacher's batch norms, with a teacher that has none."""

import jax
import jax.numpy as jnp
import pytest
from stage import PLAYED
from tiny_game import CLASSES, SIZE, equal, make_game, make_method, make_networks, quick, weights
from tiny_models import plain

from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS

READERS = tuple(name for name in PLAYED if FAMILIES[METHODS[name]].reads_statistics)


def some(quick):
    """All of READERS, of which those that are not quick are slow."""
    marked = [pytest.param(name, marks=[pytest.mark.slow] * (name not in quick)) for name in READERS]
    return pytest.mark.parametrize("name", marked)


def networks():
    _, *others = make_networks()
    return plain(CLASSES), *others


@some(quick=("dfq", "fast", "cmi"))
def test_a_round(name):
    game = make_game(name, networks=networks())
    assert not jax.tree.leaves(game.teacher_variables.batch_stats)
    after, told = quick(game.method.turns["large"].round)(game.state, game.teacher_variables, jax.random.key(2))
    for quantity, value in jax.tree.leaves_with_path(told):
        assert not value.any() if value.dtype == bool else jnp.isfinite(value).all(), quantity
    assert not equal(after.students["large"].params, game.state.students["large"].params)


def program(name, networks, weight):
    """Of a round, before XLA."""
    weighed = {"batch_norm_weight": weight} if name == "dfq" else {"weights": weights(batch_norm=weight)}
    method, key = make_method(name, 2, networks, **weighed), jax.random.key(0)
    images = jax.ShapeDtypeStruct((1, SIZE, SIZE, 1), jnp.float32)
    given = jax.eval_shape(method.init, key), jax.eval_shape(networks[0].init, key, images), key
    return jax.jit(method.turns["large"].round).lower(*given).as_text()


@some(quick=("dfq", "fast"))
def test_the_term_is_not_in_the_program(name):
    """Which is the same whatever the term weighs."""
    assert program(name, networks(), 10.0) == program(name, networks(), 0.0)


def test_the_term_is_in_the_program_where_there_are_batch_norms():
    assert program("dfq", make_networks(), 10.0) != program("dfq", make_networks(), 0.0)
