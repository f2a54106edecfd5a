"""Losses with the arithmetic written out."""

import jax.numpy as jnp
import pytest

from akd_jax.objectives import OBJECTIVES, l1
from akd_jax.types import Outputs


def outputs(logits):
    return Outputs(jnp.array(logits, jnp.float32), features=None, batch_norm_inputs={})


TEACHER, STUDENT = outputs([[1, 2, 3], [0, 0, 0]]), outputs([[1, 0, 6], [0, 3, 0]])


def test_l1_is_the_mean_over_classes_for_each_image():
    assert l1(TEACHER, STUDENT).tolist() == pytest.approx([(0 + 2 + 3) / 3, 1])


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_players_want_opposite_things(objective):
    student, generator = objective.student_loss(TEACHER, STUDENT), objective.generator_loss(TEACHER, STUDENT)
    assert student.shape == generator.shape == (2,)
    assert (student == -generator).all()


def test_other_shapes_are_refused():
    with pytest.raises(AssertionError):
        l1(TEACHER, outputs([[1, 2], [3, 4]]))
