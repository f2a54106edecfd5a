"""The assembly: every method finds its settings."""

import math

import akd
import jax.numpy as jnp
import pytest

from akd_jax.config_dict import from_dict
from akd_jax.experiment import METHOD_SETTINGS, build
from akd_jax.methods import METHODS
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Outputs

TEACHER, STUDENT = [1.0, 0.0], [0.0, 2.0]  # they differ by 1 and by 2


def kl_by_hand(temperature):
    """T^2 sum p log(p / q) of two classes."""
    p, q = (1 / (1 + math.exp((b - a) / temperature)) for a, b in (TEACHER, STUDENT))
    return temperature**2 * (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))


def config(**changes):
    return from_dict(akd.get_config("digits").to_dict() | changes)


def test_every_family_has_settings():
    assert METHOD_SETTINGS.keys() == set(METHODS.values())


def test_a_new_name_for_a_method_is_one_entry(monkeypatch):
    monkeypatch.setitem(METHODS, "mine", METHODS["akd"])
    settings = config(method="mine")
    mean, std = settings.teacher.mean, settings.teacher.std
    experiment = build(settings, TeacherInfo(settings.teacher.arch, 10, 1, mean, std, 0, "", "", ""))
    assert list(experiment.method.turns) == list(settings.students)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"objective": "l1"}, 1.5),
        ({"objective": "mse"}, 2.5),
        ({"objective": "kl", "temperature": 1.0}, kl_by_hand(1)),
        ({"objective": "kl", "temperature": 4.0}, kl_by_hand(4)),
    ],
)
def test_the_objective_and_its_temperature_reach_the_method(changes, wanted):
    objective = METHOD_SETTINGS[METHODS["akd"]](config(adversarial=changes))["objective"]
    teacher, student = (Outputs(jnp.array([logits]), None, {}) for logits in (TEACHER, STUDENT))
    assert float(objective.student_loss(teacher, student)[0]) == pytest.approx(wanted, rel=1e-5)
    assert float(objective.generator_loss(teacher, student)[0]) == pytest.approx(-wanted, rel=1e-5)


def test_the_teachers_steps_reach_the_method():
    assert METHOD_SETTINGS[METHODS["akd"]](config(adversarial={"teacher_steps": 5}))["teacher_steps"] == 5


def test_log_l1_is_the_generators_alone():
    objective = METHOD_SETTINGS[METHODS["akd"]](config(adversarial={"objective": "log_l1"}))["objective"]
    teacher, student = (Outputs(jnp.array([logits]), None, {}) for logits in (TEACHER, STUDENT))
    assert float(objective.student_loss(teacher, student).mean()) == 1.5
    assert float(objective.generator_loss(teacher, student).mean()) == pytest.approx(-math.log(2.5))


def test_the_diversity_weight_is_of_the_diversity_loss():
    settings_of, alike = METHOD_SETTINGS[METHODS["akd"]], jnp.ones((2, 4, 4, 1))
    weighted = settings_of(config(adversarial={"diversity_weight": 3.0}))
    assert float(weighted["prior"](alike, None, None)) == pytest.approx(3)
    assert "prior" not in settings_of(config(adversarial={"diversity_weight": 0.0}))
