"""The assembly: every method finds its settings."""

import akd
import jax.numpy as jnp
import pytest

from akd_jax.config_dict import from_dict
from akd_jax.experiment import METHOD_SETTINGS, build
from akd_jax.methods import METHODS
from akd_jax.teacher import TeacherInfo


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


def test_the_diversity_weight_is_of_the_diversity_loss():
    settings_of, alike = METHOD_SETTINGS[METHODS["akd"]], jnp.ones((2, 4, 4, 1))
    weighted = settings_of(config(adversarial={"diversity_weight": 3.0}))
    assert float(weighted["image_penalty"](alike)) == pytest.approx(3)
    assert "image_penalty" not in settings_of(config(adversarial={"diversity_weight": 0.0}))
