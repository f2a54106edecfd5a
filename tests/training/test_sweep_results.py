"""Means and deviations of a sweep."""

import akd
import numpy as np
import pytest

from akd_jax.config_dict import from_dict
from akd_jax.training.sweep import members_of
from akd_jax.training.sweep_results import summarise, table

TOP1 = {"last": [0.9, 0.75, 0.85], "best": [0.95, 0.8, 0.85]}


@pytest.fixture(scope="module")
def members():
    """Two rates, three seeds each."""
    values = akd.get_config("digits").to_dict()
    return members_of(from_dict(values | {"num_seeds": 3, "sweep": ("student_optimizer.learning_rate=0.05,0.1",)}))


def summaries(members):
    """Those of the second rate are worse by 0.5."""
    return {
        member.name: {
            "students": {
                "small": {
                    when: {"test": {"top1": TOP1[when][member.config.seed] - (i > 2) * 0.5, "loss": 1.0}}
                    for when in TOP1
                }
            }
        }
        for i, member in enumerate(members)
    }


@pytest.mark.parametrize("when", ["last", "best"])
def test_means_and_deviations_are_numpys(members, when):
    told = summarise("akd:digits", members, summaries(members))
    for result, worse in zip(told["results"], (0, 0.5), strict=True):
        found, top1 = result["students"]["small"]["test"][when], np.array(TOP1[when]) - worse
        assert found["top1"] == pytest.approx(top1)
        assert found["mean"] == pytest.approx(top1.mean(), abs=1e-6)
        assert found["deviation"] == pytest.approx(top1.std(ddof=1), abs=1e-6)


def test_members_are_told_from_each_other(members):
    told = summarise("akd:digits", members, summaries(members))
    assert told["schema"] == 1 and told["config"] == "akd:digits"
    assert list(told["members"].values()) == [
        {"seed": seed, "student_optimizer.learning_rate": rate} for rate in (0.05, 0.1) for seed in (0, 1, 2)
    ]
    assert [result["settings"] for result in told["results"]] == [
        {"student_optimizer.learning_rate": rate} for rate in (0.05, 0.1)
    ]
    assert [name for result in told["results"] for name in result["members"]] == list(told["members"])


def test_the_table_has_the_last_evaluation_beside_the_best(members):
    lines = table(summarise("akd:digits", members, summaries(members)))
    assert [" ".join(line.split()) for line in lines] == [
        "settings student split last top-1 best top-1 seeds",
        "student_optimizer.learning_rate=0.05 small test 83.33 ± 7.64 % 86.67 ± 7.64 % 3",
        "student_optimizer.learning_rate=0.1 small test 33.33 ± 7.64 % 36.67 ± 7.64 % 3",
    ]
    assert len({line.index("%") for line in lines[1:]}) == 1, "in columns"


def test_before_the_first_evaluation_there_is_no_table(members):
    told = summarise("akd:digits", members, {})
    assert told["results"] == [] and table(told) == []
