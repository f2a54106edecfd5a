"""Counting steps that were left out, by hand."""

from collections import OrderedDict

import numpy as np
import pytest

from akd_jax.training import skips

# Three rounds of two student steps and a generator step.
LOSS = np.array([[0, 1], [1, 0], [0, 0]], bool)
NORM = np.array([[0, 1], [1, 0], [0, 1]], bool)
PLAYED = {
    "student_loss": {"a": np.zeros(3)},
    "student_step_faults": OrderedDict([("student_loss of a", LOSS), ("student_gradient_norm of a", NORM)]),
    "generator_step_faults": {"generator_loss": np.array([False, False, True])},
}


@pytest.fixture
def both():
    """(those of the student steps, those of the generator step)."""
    metrics, found = skips.split(PLAYED, ("student_step", "generator_step", "step_of_no_guard"))
    assert metrics.keys() == {"student_loss"}
    return found


def test_steps_by_round(both):
    assert skips.by_round(both, 3).tolist() == [1, 1, 2]
    assert skips.by_round([], 3).tolist() == [0, 0, 0]


def test_the_first_is_that_of_the_earliest_round(both):
    students, generator = both
    assert skips.first([generator, students]) is students
    assert skips.first([generator]) is generator
    assert skips.first([generator._replace(faults=generator.faults & False)]) is None


@pytest.mark.parametrize(("before", "wanted"), [(0, [0, 1, 2, 0, 0, 1]), (7, [0, 1, 2, 0, 0, 1])])
def test_in_a_row_across_rounds(both, before, wanted):
    assert both[0].in_a_row(before).tolist() == wanted


def test_in_a_row_across_dispatches():
    _, (kind,) = skips.split({"s_faults": {"loss": np.array([True, True, False])}}, ("s",))
    assert kind.in_a_row(7).tolist() == [8, 9, 0]


def test_a_step_is_named_with_the_first_that_was_not_finite(both):
    students, generator = both
    assert students.describe(2, after=10) == "student_loss of a in student step 1 of round 12"
    assert students.describe(5, after=10) == "student_gradient_norm of a in student step 2 of round 13"
    assert generator.describe(2, after=0) == "generator_loss in generator step of round 3"
