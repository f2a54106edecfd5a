"""Settings: what is refused and how it is said, and that they survive a file."""

import json
import math

import pytest

from akd_jax.config import Config, ConfigError
from akd_jax.config_dict import differences, from_dict, to_dict


def settings(**changes):
    """The least that a config needs, with "group__key" or "key" changed."""
    values = {
        "name": "test",
        "teacher": {"path": "teacher", "arch": "resnet34", "mean": [0.5], "std": [0.25]},
        "students": ["resnet18_8x"],
        "student_optimizer": {"learning_rate": 0.1},
        "generator_optimizer": {"learning_rate": 0.001},
    }
    for key, value in changes.items():
        *groups, last = key.split("__")
        target = values
        for group in groups:
            target = target.setdefault(group, {})
        target[last] = value
    return values


def refusal(**changes):
    with pytest.raises(ConfigError) as caught:
        from_dict(settings(**changes))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_and_conversions():
    config = from_dict(settings(student_optimizer__learning_rate=1, students="resnet20"))
    assert config.students == ("resnet20",)  # a single name needs no brackets
    assert config.student_optimizer.learning_rate == 1.0 and isinstance(config.student_optimizer.learning_rate, float)
    assert config.teacher.mean == (0.5,)
    assert config.adversarial.student_steps == 15 and config.method == "akd"


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("batch_sise", "batch_sise: no such setting; did you mean batch_size?"),
        ("schedule__epoch", "schedule.epoch: no such setting; did you mean schedule.epochs?"),
        ("zzz", "zzz: no such setting"),
    ],
)
def test_unknown_setting(key, says):
    assert refusal(**{key: 1}) == says


@pytest.mark.parametrize("key", ["name", "teacher", "students", "student_optimizer"])
def test_missing_setting(key):
    values = settings()
    del values[key]
    with pytest.raises(ConfigError, match=f"^{key}: missing$"):
        from_dict(values)


def test_missing_nested_setting():
    assert refusal(teacher={"path": "x"}) == "teacher.arch: missing"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 1.5),
        ("batch_size", "64"),
        ("batch_size", True),
        ("name", 3),
        ("students", [1]),
        ("teacher", "teacher.pth"),
        ("teacher__mean", ["a"]),
        ("student_optimizer__learning_rate", "fast"),
        ("student_optimizer__learning_rate", False),
        ("evaluation__data_dir", 1),
    ],
)
def test_wrong_type(key, value):
    assert refusal(**{key: value}).startswith(f"{key.replace('__', '.')}=")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 1),
        ("batch_size", -1),
        ("samples", 0),
        ("sample_every_epochs", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("image_size", 0),
        ("image_size", 30),
        ("image_size", -4),
        ("dtype", "float16"),
        ("students", []),
        ("students", ["a", "a"]),
        ("teacher__std", [0.0]),
        ("teacher__std", [math.nan]),
        ("teacher__std", [math.inf]),
        ("teacher__mean", [math.nan]),
        ("teacher__mean", [0.1, 0.2]),
        ("generator__latents", 0),
        ("generator__width", 0),
        ("student_optimizer__learning_rate", math.nan),
        ("student_optimizer__learning_rate", math.inf),
        ("student_optimizer__learning_rate", -0.1),
        ("student_optimizer__final", -1.0),
        ("student_optimizer__weight_decay", math.nan),
        ("student_optimizer__milestones", [0.4, 0.2]),
        ("student_optimizer__milestones", [0.5, 1.0]),
        ("student_optimizer__momentum", 1.0),
        ("student_optimizer__momentum", -0.1),
        ("student_optimizer__clip", -1.0),
        ("generator_optimizer__clip", math.inf),
        ("generator_optimizer__beta1", math.nan),
        ("generator_optimizer__beta2", 1.0),
        ("generator_optimizer__schedule", "linear"),
        ("schedule__epochs", -1),
        ("schedule__rounds_per_epoch", 0),
        ("schedule__rounds_per_dispatch", -1),
        ("schedule__filling", -1),
        ("schedule__filling", 100),
        ("schedule__save_minutes", -1.0),
        ("schedule__save_minutes", math.nan),
        ("schedule__max_skipped", 0),
        ("collapse__diversity", -1.0),
        ("collapse__label_entropy", 1.5),
        ("collapse__label_entropy", math.nan),
        ("collapse__plateau", 1),
        ("adversarial__student_steps", 0),
        ("adversarial__teacher_steps", 0),
        ("adversarial__teacher_steps", 4),
        ("adversarial__replay_decay", 1.0),
        ("adversarial__temperature", 0.0),
        ("adversarial__temperature", -1.0),
        ("adversarial__diversity_weight", -1.0),
        ("adversarial__temperature", math.nan),
        ("evaluation__every_epochs", 0),
        ("evaluation__batch_size", 0),
        ("evaluation__splits", []),
        ("accumulate", 0),
        ("accumulate", 3),
        ("accumulate", 256),
        ("mesh__data", 0),
        ("mesh__data", 3),
        ("mesh__processes", 0),
        ("mesh__processes", 2),
        ("mesh__process", 1),
        ("mesh__process", -1),
        ("mesh__coordinator", "host0"),
        ("mesh__coordinator", ":1234"),
        ("mesh__coordinator", "host0:http"),
        ("mesh__coordinator", "host0:65536"),
    ],
)
def test_out_of_range(key, value):
    message = refusal(**{key: value})
    assert message.startswith(f"{key.replace('__', '.')}=") and "must be" in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 2),
        ("seed", 2**32 - 1),
        ("image_size", 4),
        ("schedule__epochs", 0),
        ("schedule__rounds_per_dispatch", 0),
        ("schedule__save_minutes", 0.0),
        ("schedule__max_skipped", 1),
        ("collapse__plateau", 0),
        ("student_optimizer__learning_rate", 0.0),
        ("student_optimizer__momentum", 0.0),
    ],
)
def test_ends_of_ranges_are_allowed(key, value):
    values = to_dict(from_dict(settings(**{key: value})))
    for part in key.split("__"):
        values = values[part]
    assert values == value


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"accumulate": 2, "adversarial__teacher_steps": 3},
            "accumulate=2: must be 1 beside adversarial.teacher_steps",
        ),
        (
            {"accumulate": 4, "batch_size": 24, "mesh__data": 4},
            "mesh.data=4: must be a divisor of batch_size / accumulate, 6",
        ),
        ({"debug_nans": True, "mesh__data": 2}, "debug_nans=True: must be off where mesh.data is above 1"),
        ({"mesh__coordinator": "a:1", "mesh__processes": 2}, "mesh.data=1: must be a multiple of processes, 2"),
        (
            {"mesh__coordinator": "auto", "mesh__processes": 2, "mesh__data": 2},
            "mesh.processes=2: must be left out beside",
        ),
    ],
)
def test_settings_that_do_not_go_together(changes, says):
    assert refusal(**changes).startswith(says)


@pytest.mark.parametrize("coordinator", ["auto", "host0:1234", "[fe80::1]:1234"])
def test_places_to_meet(coordinator):
    assert from_dict(settings(mesh__coordinator=coordinator, mesh__data=8)).mesh.coordinator == coordinator


def test_round_trip_through_json():
    config = from_dict(settings(evaluation__splits=["a", "b"], evaluation__data_dir="d"))
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config
    assert isinstance(config, Config)


def test_frozen():
    with pytest.raises(AttributeError):
        from_dict(settings()).seed = 1


def test_differences():
    old = to_dict(from_dict(settings()))
    new = to_dict(from_dict(settings(seed=3, schedule__epochs=7, students=["a", "b"])))
    assert differences(old, old) == {}
    assert differences(old, new) == {
        "seed": (0, 3),
        "schedule.epochs": (100, 7),
        "students": (["resnet18_8x"], ["a", "b"]),
    }


def test_differences_name_settings_that_one_side_lacks():
    assert differences({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}) == {"a.y": (None, 2)}


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("dfq", "temperature", 0.0),
        ("dfq", "balance_weight", -1.0),
        ("zskt", "student_steps", 0),
        ("zskt", "attention_weight", float("nan")),
        ("dafl", "activation_weight", float("inf")),
        ("fast", "synthesis_steps", 0),
        ("fast", "batch_norm_memory", 1.5),
        ("fast", "crop", -1),
        ("fast", "adversarial_ramp", -0.1),
        ("cmi", "negatives", 0),
        ("cmi", "zoom", 0.0),
        ("spaceship", "exchange", 1.5),
        ("cmi", "contrast_temperature", 0.0),
        ("nayer", "generator_life", -1),
        ("nayer", "adversarial_from", 2.0),
    ],
)
def test_settings_of_a_method_are_checked(group, key, value):
    with pytest.raises(ConfigError, match=rf"^{group}\.{key}="):
        from_dict(settings(**{f"{group}__{key}": value}))
