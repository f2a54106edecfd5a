"""Means and deviations over seeds."""

import numpy as np
import pytest

from akd_jax import spread


def test_mean_and_deviation_are_numpys():
    top1 = [0.9, 0.75, 0.85]
    found = spread.of_top1([{"top1": value, "loss": 1.0} for value in top1])
    assert found["top1"] == top1
    assert found["mean"] == pytest.approx(np.mean(top1)) and found["deviation"] == pytest.approx(np.std(top1, ddof=1))
    assert spread.percent(found) == "83.33 ± 7.64 %"


def test_one_has_no_deviation_and_what_is_not_finite_does_not_count():
    assert spread.of_top1([{"top1": 0.5}]) == {"top1": [0.5], "mean": 0.5, "deviation": None}
    assert spread.of_top1([{"top1": None}, {"top1": 0.5}, {}]) == {
        "top1": [None, 0.5, None], "mean": 0.5, "deviation": None,
    }  # fmt: skip
    assert spread.of_top1([{}])["mean"] is None


def test_for_people():
    assert spread.percent({"mean": None, "deviation": None}) == "-"
    assert spread.percent({"mean": 0.5, "deviation": None}) == "50.00 %"
