"""The ring: what is there, what gave way, and what comes back from a checkpoint."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from saved_trees import assert_bitwise_equal

from akd_jax import bank
from akd_jax.checkpoint import Checkpoints

SHAPE = (2, 3, 1)
LABEL = jax.ShapeDtypeStruct((), jnp.int32)


def images(*values):
    """One of each brightness."""
    return jnp.broadcast_to(jnp.array(values, jnp.uint8).reshape(-1, 1, 1, 1), (len(values), *SHAPE))


def brightness(ring):
    return ring.images[:, 0, 0, 0].tolist()


def test_the_oldest_give_way():
    ring, append = bank.empty(5, SHAPE, beside=LABEL), jax.jit(bank.append)
    for first, there, count, position in (
        (1, [1, 2, 0, 0, 0], 2, 2),
        (3, [1, 2, 3, 4, 0], 4, 4),
        (5, [6, 2, 3, 4, 5], 5, 1),
        (7, [6, 7, 8, 4, 5], 5, 3),
    ):
        ring = append(ring, images(first, first + 1), jnp.array([first, first + 1]))
        assert brightness(ring) == there == ring.beside.tolist()
        assert (int(ring.count), int(ring.position)) == (count, position)
    assert {leaf.dtype.name for leaf in (ring.count, ring.position, ring.beside)} == {"int32"}
    assert ring.images.dtype == jnp.uint8 and (ring.images == ring.images[:, :1, :1]).all()


def test_of_images_alone():
    ring = bank.append(bank.empty(3, SHAPE), images(1, 2))
    drawn, beside = bank.sample(ring, jax.random.key(0), num=4)
    assert beside == () == ring.beside and drawn.shape == (4, *SHAPE)


def test_more_than_it_holds_is_refused():
    bank.append(bank.empty(2, SHAPE), images(1, 2))
    with pytest.raises(ValueError, match="3 images at once are too many for a bank of 2"):
        bank.append(bank.empty(2, SHAPE), images(1, 2, 3))


@pytest.mark.parametrize("appended", [1, 2, 3])
def test_a_sample_is_uniform_among_those_there(appended):
    ring = bank.empty(5, SHAPE, beside=LABEL)
    for turn in range(appended):
        values = [1 + 2 * turn, 2 + 2 * turn]
        ring = bank.append(ring, images(*values), jnp.array(values))
    drawn, labels = jax.jit(bank.sample, static_argnames="num")(ring, jax.random.key(0), num=2000)
    values, counts = np.unique(drawn[:, 0, 0, 0], return_counts=True)
    assert set(values) == set(ring.beside.tolist()) - {0} and len(values) == min(2 * appended, 5)
    np.testing.assert_allclose(counts, 2000 / len(values), rtol=0.2)
    assert (drawn[:, 0, 0, 0] == labels).all()


def test_an_empty_one_gives_black():
    drawn, _ = bank.sample(bank.empty(3, SHAPE), jax.random.key(0), num=2)
    assert drawn.shape == (2, *SHAPE) and not drawn.any()


@pytest.mark.parametrize(("appended", "there"), [(0, set()), (1, {1, 2}), (2, {1, 2, 3, 4}), (3, {2, 3, 4, 5, 6})])
def test_some_of_those_there_and_none_twice(appended, there):
    ring = bank.empty(5, SHAPE, beside=LABEL)
    for first in range(1, 2 * appended, 2):
        ring = bank.append(ring, images(first, first + 1), jnp.array([first, first + 1]))
    seen, some = set(), jax.jit(bank.some, static_argnames="num")
    for number in range(20):
        labels, real = some(ring, jax.random.key(number), num=3)
        drawn = labels[real].tolist()
        assert len(drawn) == min(len(there), 3) == len(set(drawn)) and labels.shape == real.shape == (3,)
        seen |= set(drawn)
    assert seen == there


def test_one_program_for_any_filling():
    """Which it must be inside a scan."""

    def grow(ring, values):
        ring = bank.append(ring, jnp.broadcast_to(values.reshape(-1, 1, 1, 1), (2, *SHAPE)))
        return ring, ring.count

    ring, counts = jax.jit(lambda r, v: jax.lax.scan(grow, r, v))(
        bank.empty(5, SHAPE), jnp.arange(8, dtype=jnp.uint8).reshape(4, 2)
    )
    assert counts.tolist() == [2, 4, 5, 5] and brightness(ring) == [5, 6, 7, 3, 4]


def test_saved_and_restored_bitwise(tmp_path):
    ring = bank.empty(5, SHAPE, beside=LABEL)
    for first in (1, 3, 5):
        ring = bank.append(ring, images(first, first + 1), jnp.array([first, first + 1]))
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, {"memory": ring}, {})
    with Checkpoints(tmp_path, keep=None) as checkpoints:
        restored, _ = checkpoints.restore(1, {"memory": bank.empty(5, SHAPE, beside=LABEL)})
    assert_bitwise_equal(restored["memory"], ring)
    key = jax.random.key(7)
    assert_bitwise_equal(bank.sample(restored["memory"], key, num=9), bank.sample(ring, key, num=9))
