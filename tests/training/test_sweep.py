"""Which runs a sweep is made of, and what cannot be one."""

import dataclasses

import akd
import pytest

from akd_jax.config import ConfigError
from akd_jax.config_dict import from_dict, to_dict
from akd_jax.training.sweep import SWEEPABLE, is_sweep, members_of

RATES = "student_optimizer.learning_rate=0.05,0.1"


def config(**changes):
    values = akd.get_config("digits")
    values.update_from_flattened_dict(changes)
    return from_dict(values.to_dict())


def test_a_run_by_itself_is_its_only_member():
    alone = config(seed=3)
    assert not is_sweep(alone)
    assert [(member.name, member.settings, member.config) for member in members_of(alone)] == [("", {}, alone)]


def test_seeds():
    found = members_of(config(seed=3, num_seeds=2))
    assert [(member.name, member.config) for member in found] == [
        ("seed_3", config(seed=3)),
        ("seed_4", config(seed=4)),
    ]


def test_every_combination_with_every_seed():
    found = members_of(config(num_seeds=2, sweep=(RATES, "adversarial.diversity_weight=1e-3")))
    assert [member.name for member in found] == [
        f"student_optimizer.learning_rate={rate},adversarial.diversity_weight=0.001,seed_{seed}"
        for rate in (0.05, 0.1)
        for seed in (0, 1)
    ]
    for member in found:
        optimizer, own = member.config.student_optimizer, member.config.adversarial
        assert member.settings == {
            "student_optimizer.learning_rate": optimizer.learning_rate,
            "adversarial.diversity_weight": own.diversity_weight,
        }
        assert member.name == (
            f"student_optimizer.learning_rate={optimizer.learning_rate},adversarial.diversity_weight=0.001,"
            f"seed_{member.config.seed}"
        )
        assert optimizer.momentum == 0.9 and not is_sweep(member.config)
        assert member.config.name == (
            f"akd:digits, student_optimizer.learning_rate={optimizer.learning_rate}, adversarial.diversity_weight=0.001"
        )


@pytest.mark.parametrize("key", SWEEPABLE)
def test_everything_that_can_be_swept_is_a_number_of_the_settings(key):
    method = "supervised" if key.startswith("supervised.") else "akd"
    used = {"adversarial.objective": "kl", "supervised.distillation": 0.5}
    (member,) = members_of(config(method=method, **used, sweep=(f"{key}=0.5",)))
    group, name = key.split(".")
    assert to_dict(member.config)[group][name] == 0.5


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sweep": ("batch_size=8,16",)}, "batch_size cannot be swept; what can be: student_optimizer.learning_rate, "),
        ({"sweep": ("adversarial.temperature",)}, "must be adversarial.temperature=NUMBER,NUMBER,..."),
        ({"sweep": ("adversarial.temperature=1,x",)}, "must be adversarial.temperature=NUMBER,NUMBER,..."),
        ({"sweep": ("adversarial.temperature=1,1.0",)}, "must have each number once"),
        ({"sweep": (RATES, "student_optimizer.learning_rate=1")}, "learning_rate is given twice"),
        ({"sweep": ("student_optimizer.momentum=0.5,1",)}, "student_optimizer.momentum=1.0: must be in [0, 1)"),
        ({"sweep": ("adversarial.temperature=nan",)}, "adversarial.temperature=nan: must be a finite number above 0"),
        ({"sweep": tuple(f"{key}=0.5" for key in SWEEPABLE if "supervised" not in key)}, "characters are too many"),
        ({"sweep": ("supervised.label_smoothing=0.1,0.2",)}, "supervised.label_smoothing has no part in akd"),
        ({"sweep": ("generator_optimizer.beta1=0.5,0.9",), "method": "supervised"}, "beta1 has no part in akd:digits"),
        (
            {"sweep": ("adversarial.temperature=1,2",)},
            "adversarial.temperature has no part in akd:digits, as it is set",
        ),
        (
            {"sweep": ("adversarial.temperature=1,2",), "adversarial.objective": "kl", "method": "zskt"},
            "adversarial.temperature has no part in akd:digits, as it is set",
        ),
        ({"sweep": ("supervised.temperature=1,2",), "method": "supervised"}, "supervised.temperature has no part in"),
        (
            {"sweep": ("student_optimizer.final=0.1,0.2",), "student_optimizer.schedule": "constant"},
            "student_optimizer.final has no part in",
        ),
        ({"sweep": ("adversarial.diversity_weight=0,1",)}, "0 leaves the term out, which is another program"),
        ({"num_seeds": 2, "seed": 2**32 - 1}, "seed=4294967296: must be in 0 ... 2**32 - 1"),
        ({"num_seeds": 2, "schedule.patience": 3}, "schedule.patience=3: must be 0 in a sweep"),
        ({"sweep": (RATES,), "collapse.stop": True}, "collapse.stop=True: must be false in a sweep"),
        ({"num_seeds": 2, "debug_nans": True}, "debug_nans=True: must be false in a sweep"),
    ],
)
def test_what_cannot_be_a_sweep(changes, says):
    with pytest.raises(ConfigError) as caught:
        members_of(config(**changes))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_no_seeds_at_all_are_no_run():
    with pytest.raises(ConfigError, match="num_seeds=0: must be a whole number, at least 1"):
        dataclasses.replace(config(), num_seeds=0)
