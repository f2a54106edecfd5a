"""The assembly: every method finds its settings."""

import akd

from akd_jax.config_dict import from_dict
from akd_jax.experiment import METHOD_SETTINGS, build
from akd_jax.methods import METHODS
from akd_jax.teacher import Teacher


def built(**changes):
    settings = akd.get_config("digits").to_dict()
    config = from_dict(settings | changes)
    mean, std = config.teacher.mean, config.teacher.std
    return build(config, Teacher(config.teacher.arch, 10, 1, mean, std, 0, "", "", ""))


def test_every_family_has_settings():
    assert METHOD_SETTINGS.keys() == set(METHODS.values())


def test_a_new_name_for_a_method_is_one_entry(monkeypatch):
    monkeypatch.setitem(METHODS, "mine", METHODS["akd"])
    assert list(built(method="mine").method.turns) == ["resnet10_8x_w8", "resnet10_8x_w4"]
