"""Students that begin with layers of their teacher."""

import jax
import numpy as np
import pytest

from akd_jax.experiment import starting_from
from akd_jax.inheritance import inherited
from akd_jax.models import make_classifier
from akd_jax.types import AKDState, NetworkState


def variables(name, seed=0):
    network = make_classifier(name, 10, image_size=16)
    return jax.jit(network.init)(jax.random.key(seed), np.zeros((1, 16, 16, 1), np.float32))


@pytest.fixture(scope="module")
def teacher():
    return variables("resnet18_8x_w8", seed=1)


def test_a_shallower_network_has_all_its_layers_from_a_deeper_one(teacher):
    student = variables("resnet10_8x_w8")
    given = inherited(student, teacher)
    assert jax.tree.structure(given) == jax.tree.structure(student)
    for part in ("params", "batch_stats"):
        own, theirs = getattr(given, part), getattr(teacher, part)
        assert set(own) <= set(theirs) and len(own) < len(theirs)
        jax.tree.map(np.testing.assert_array_equal, own, {name: theirs[name] for name in own})


def test_a_narrower_network_has_none(teacher):
    """Though the biases of its classifier have the teacher's shape: they would be those of another layer."""
    assert variables("resnet10_8x_w4").params["fc"]["bias"].shape == teacher.params["fc"]["bias"].shape
    assert not jax.tree.leaves(inherited(variables("resnet10_8x_w4"), teacher))


@pytest.mark.parametrize(("student", "teacher"), [("resnet18_8x", "resnet34_8x"), ("wrn16_2", "wrn40_2")])
def test_published_pairs_of_equal_width(student, teacher):
    """Every layer of the smaller one."""
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
    shapes = {
        name: jax.eval_shape(make_classifier(name, 100, image_size=32).init, jax.random.key(0), images)
        for name in (student, teacher)
    }
    given = inherited(shapes[student], shapes[teacher])
    assert len(jax.tree.leaves(given)) == len(jax.tree.leaves(shapes[student]))


def test_what_is_not_inherited_stays_as_it_began(teacher):
    student = variables("resnet10_8x_w8")
    fresh = jax.tree.map(np.asarray, student)
    smaller = teacher.replace(params=teacher.params | {"fc": {"kernel": np.zeros((3, 3)), "bias": np.zeros(3)}})
    given = inherited(student, smaller)
    assert given.params["fc"] == {"kernel": None, "bias": None}
    state = AKDState(0, {"mine": NetworkState(student.params, student.batch_stats, ())}, ())
    begun = starting_from(state, {"mine": given}).students["mine"]
    jax.tree.map(np.testing.assert_array_equal, begun.params["fc"], fresh.params["fc"])
    (name,) = [name for name in fresh.params if name.startswith("conv")]
    np.testing.assert_array_equal(begun.params[name]["kernel"], teacher.params[name]["kernel"])
    assert not np.array_equal(begun.params[name]["kernel"], fresh.params[name]["kernel"])
