"""What the detectors measure, by hand, and when they speak."""

import math

import jax
import jax.numpy as jnp
import pytest

from akd_jax.collapse import detect, diversity, label_entropy, measure

LIMITS = {"diversity": 1.5, "label_entropy": 0.3, "plateau": 3}


def test_diversity_counts_different_images():
    alike = jnp.ones((6, 2, 2, 1))
    assert diversity(alike) == pytest.approx(1)
    assert diversity(jnp.eye(4).reshape(4, 2, 2, 1)) == pytest.approx(4)
    two_kinds = jnp.eye(4).reshape(4, 2, 2, 1)[jnp.array([0, 0, 0, 1, 1, 1])]
    assert diversity(two_kinds) == pytest.approx(2)
    images = jax.random.normal(jax.random.key(0), (8, 4, 4, 3))
    assert 1 < diversity(images) < 8
    assert diversity(1000 * images) == pytest.approx(float(diversity(images)), rel=1e-5)


@pytest.mark.parametrize(
    ("labels", "entropy"), [([0, 0, 0, 0], 0), ([0, 1, 2, 3], 1), ([0, 0, 1, 1], 0.5), ([0, 0, 0, 1], 0.4056)]
)
def test_label_entropy(labels, entropy):
    assert label_entropy(10 * jnp.eye(4)[jnp.array(labels)]) == pytest.approx(entropy, abs=1e-4)


def test_measures_of_each_student():
    teacher = jnp.array([[2.0, -2.0], [-2.0, 2.0]])
    found = measure(
        jnp.eye(4).reshape(4, 2, 2, 1)[:2], teacher, {"same": teacher, "upright": 0 * teacher + teacher[:1]}
    )
    assert found["same"] == {"diversity": 2, "label_entropy": 1, "disagreement": 0, "agreement": 1}
    assert (found["upright"]["disagreement"], found["upright"]["agreement"]) == (1, 0.5)


def at(disagreement=0.5, agreement=0.2, diversity=9.0, label_entropy=0.9):
    shared = {"diversity": diversity, "label_entropy": label_entropy}
    return {"s": shared | {"disagreement": disagreement, "agreement": agreement}}


def test_limits():
    assert detect([at()], **LIMITS) == ()
    assert detect([at(diversity=1.4)], **LIMITS) == ("diversity",)
    assert detect([at(label_entropy=0.29)], **LIMITS) == ("label_entropy",)
    assert detect([at(diversity=1.0, label_entropy=0.0), at()], **LIMITS) == (), "it has recovered"
    assert detect([at(diversity=math.nan, label_entropy=math.nan)], **LIMITS) == ("diversity", "label_entropy")


@pytest.mark.parametrize(
    ("history", "stands"),
    [
        ([at(), at(0.51), at(0.49)], True),
        ([at(), at(0.51)], False),  # too early to say
        ([at(0.8), at(), at(), at()], True),  # only the last three count
        ([at(0.53), at(0.52), at(0.49)], False),  # it moves
        ([at(agreement=0.20), at(), at(agreement=0.22)], False),  # it learns
        ([at(agreement=0.9)] * 3, False),  # there is little left to learn
        ([at(agreement=0.30), at(), at(agreement=0.22)], True),  # it forgets
    ],
)
def test_plateau(history, stands):
    assert detect(history, **LIMITS) == (("plateau of s",) if stands else ())
    assert detect(history, **LIMITS | {"plateau": 0}) == ()


def test_a_row_that_was_taken_out_is_no_evaluation():
    still = {"diversity": 9.0, "label_entropy": 0.9, "disagreement": 0.5, "agreement": 0.2}
    history = [{"a": still, "b": still}, {"a": still}, {"a": still, "b": still}]
    assert detect(history, **LIMITS) == ("plateau of a",)
