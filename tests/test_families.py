"""Families of methods: every one finds its settings."""

import math

import akd
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from digits_settings import config, task_of

from akd_jax.augmentation import mixed
from akd_jax.errors import InputError
from akd_jax.families import FAMILIES, arguments, draws
from akd_jax.families.family import Scene
from akd_jax.methods import METHODS
from akd_jax.methods.replay import DECISIVE
from akd_jax.objectives import jensen_shannon
from akd_jax.types import Outputs

TEACHER, STUDENT = [1.0, 0.0], [0.0, 2.0]  # they differ by 1 and by 2


def kl_by_hand(temperature):
    """T^2 sum p log(p / q) of two classes."""
    p, q = (1 / (1 + math.exp((b - a) / temperature)) for a, b in (TEACHER, STUDENT))
    return temperature**2 * (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))


def scene_of(settings):
    return Scene(task_of(settings), taught=True, examples=400)


def settings_of(method, **changes):
    settings = config(**{"method": method} | changes)
    return FAMILIES[METHODS[method]].settings(settings, scene_of(settings))


def test_every_family_is_in_the_table():
    assert FAMILIES.keys() == set(METHODS.values())


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
    objective = settings_of("akd", adversarial=changes)["objective"]
    teacher, student = (Outputs(jnp.array([logits]), None, {}) for logits in (TEACHER, STUDENT))
    assert float(objective.student_loss(teacher, student)[0]) == pytest.approx(wanted, rel=1e-5)
    assert float(objective.generator_loss(teacher, student)[0]) == pytest.approx(-wanted, rel=1e-5)


def test_the_teachers_steps_reach_the_method():
    assert settings_of("akd", adversarial={"teacher_steps": 5})["teacher_steps"] == 5


def test_half_of_a_batch_is_replayed():
    assert settings_of("dfad", adversarial={"replay_decay": 0.5}, batch_size=6)["replay_decay"] == 0.5
    with pytest.raises(InputError, match=r"replay_decay=0\.5: .* batch_size / accumulate, 3, must be even"):
        settings_of("dfad", adversarial={"replay_decay": 0.5}, batch_size=6, accumulate=2)


def test_log_l1_is_the_generators_alone():
    objective = settings_of("akd", adversarial={"objective": "log_l1"})["objective"]
    teacher, student = (Outputs(jnp.array([logits]), None, {}) for logits in (TEACHER, STUDENT))
    assert float(objective.student_loss(teacher, student).mean()) == 1.5
    assert float(objective.generator_loss(teacher, student).mean()) == pytest.approx(-math.log(2.5))


def test_the_diversity_weight_is_of_the_diversity_loss():
    alike = jnp.ones((2, 4, 4, 1))
    weighted = settings_of("akd", adversarial={"diversity_weight": 3.0})
    assert float(weighted["prior"](alike, None, None)) == pytest.approx(3)
    assert "prior" not in settings_of("akd", adversarial={"diversity_weight": 0.0})


@pytest.mark.parametrize("method", ["zskt", "dafl", "dfq"])
def test_a_methods_own_group_reaches_it(method):
    assert settings_of(method, **{method: {"temperature": 3.0}})["temperature"] == 3


def test_what_fast_is_told_of_the_teacher():
    told, mean, std = settings_of("fast", fast={"crop": 0, "flip": False}), config().teacher.mean, config().teacher.std
    assert (told["classes"], told["first_layers"]) == (10, ("l1_0", "conv_blocks0_0"))
    pixels = jnp.arange(256, dtype=jnp.uint8).reshape(1, 16, 16, 1)
    images = told["normalise"](pixels)
    assert jnp.abs(told["augment"](jax.random.key(0), images) - images).max() < 1e-6
    assert images.max() == pytest.approx((1 - mean[0]) / std[0]) and (told["to_pixels"](images) == pixels).all()


def test_fasts_generator_moves_as_far_as_its_copies_do_together():
    """Adam's first step is as long as its rate: the generator's, and those of a copy and of its latents."""
    settings = config(
        method="fast",
        generator_optimizer={"learning_rate": 2e-3, "beta1": 0.5},
        fast={"synthesis_steps": 7, "latents_rate": 0.03},
    )
    told, ones = arguments(settings, FAMILIES[METHODS["fast"]], scene_of(settings)), jnp.ones(3)

    def first(optimizer, gradients):
        return optimizer.update(gradients, optimizer.init(gradients), gradients)[0]

    inner = first(told["inner_optimizer"], {"params": ones, "latents": ones})
    outer = first(told["generator_optimizer"](5), ones)
    for update, rate in ((outer, 7 * 2e-3), (inner["params"], 2e-3), (inner["latents"], 0.03)):
        np.testing.assert_allclose(update, -rate, rtol=1e-5)


def test_what_nayer_is_told_of_its_optimizer():
    """Its rate runs over the steps of one synthesis, and beta1 is the config's."""
    settings = config(method="nayer", generator_optimizer={"learning_rate": 4e-3, "beta1": 0.5, "schedule": "cosine"})
    optimizer = arguments(settings, FAMILIES[METHODS["nayer"]], scene_of(settings))["generator_optimizer"](10)
    gradient, sizes = jnp.ones(1), []
    state = optimizer.init(gradient)
    for _ in range(11):
        update, state = optimizer.update(gradient, state, gradient)
        sizes.append(-float(update[0]))
    assert (sizes[0], sizes[5], sizes[10]) == pytest.approx((4e-3, 2e-3, 0), abs=1e-6)
    moments = optimizer.update(0 * gradient, optimizer.update(gradient, optimizer.init(gradient))[1])[1][0].mu
    assert float(moments[0]) == pytest.approx(0.5 * 0.5)


@pytest.mark.parametrize(
    ("method", "changes", "made"),
    [("fast", {"batch_size": 64, "fast": {"bank_capacity": 63}}, 64), ("nayer", {"nayer": {"bank_capacity": 39}}, 40)],
)
def test_a_bank_holds_what_a_synthesis_makes(method, changes, made):
    """A batch, or four images of each of ten classes; what is too small elsewhere does not matter."""
    with pytest.raises(InputError, match=rf"^{method}\.bank_capacity={made - 1}: must be at least {made}, the images"):
        settings_of(method, **changes)
    settings_of("akd", **changes)


BANKS = [name for name in METHODS if FAMILIES[METHODS[name]].keeps]


@pytest.mark.parametrize("method", BANKS)
def test_students_do_not_look_at_a_synthesis_that_nothing_of_theirs_weighs_in(method):
    assert settings_of(method, **{method: {"adversarial_weight": 0.0}})["raised"] is None
    assert settings_of(method, **{method: {"adversarial_weight": 0.1}}).get("raised", DECISIVE) is not None


def test_what_adaptive_deepinversion_raises():
    raised = settings_of("deepinversion", deepinversion={"adversarial_weight": 1.0, "temperature": 2.0})["raised"]
    teacher, student = (Outputs(jnp.array([logits]), None, {}) for logits in (TEACHER, STUDENT))
    assert float(raised(teacher, student)[0]) == float(jensen_shannon(2.0)(teacher, student)[0])


@pytest.mark.parametrize("method", ["fast", "nayer"])
def test_the_mix_of_a_students_images_by_name(method):
    assert settings_of(method)["mix"] is None
    assert settings_of(method, **{method: {"mix": "mixup"}})["mix"] is mixed
    with pytest.raises(InputError, match=rf"^{method}\.mix='blend': unknown; give one of none, mixup, cutmix$"):
        settings_of(method, **{method: {"mix": "blend"}})


def test_black_comes_into_images_that_are_moved():
    """As networks see it, not as their mean."""
    told, mean, std = settings_of("fast", fast={"crop": 2}), config().teacher.mean, config().teacher.std
    moved = told["augment"](jax.random.key(0), told["normalise"](jnp.full((64, 16, 16, 1), 255, jnp.uint8)))
    black, white = -mean[0] / std[0], (1 - mean[0]) / std[0]
    near = jnp.minimum(jnp.abs(moved - black), jnp.abs(moved - white))
    assert near.max() < 1e-5 and 0 < (jnp.abs(moved - black) < 1e-5).mean() < 0.3


def test_only_the_supervised_method_draws_nothing():
    assert [name for name in METHODS if not draws(config(method=name))] == ["supervised"]


@pytest.mark.parametrize("method", ["zskt", "dfq"])
def test_statistics_of_no_name_are_refused(method):
    with pytest.raises(
        InputError, match=rf"{method}\.student_statistics='frozen': unknown; give one of moving, batch, "
    ):
        settings_of(method, **{method: {"student_statistics": "frozen"}})


@pytest.mark.parametrize("player", ["student_optimizer", "generator_optimizer"])
def test_a_clip_is_of_one_players_gradients(player):
    settings = config(**{player: akd.get_config("digits")[player].to_dict() | {"clip": 1e-3}})
    told = arguments(settings, FAMILIES[METHODS["akd"]], scene_of(settings))
    for name in ("student_optimizer", "generator_optimizer"):
        optimizer, gradients = told[name](1), jnp.ones(4)
        _, state = optimizer.update(gradients, optimizer.init(gradients), jnp.zeros(4))
        largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(state) if jnp.ndim(leaf))
        assert (largest < 1e-3) == (name == player)


def test_an_average_that_nobody_keeps_is_refused():
    settings = config(average=0.9)
    with pytest.raises(InputError, match=r"^average=0\.9: must be 0 with method=akd; only the supervised"):
        arguments(settings, FAMILIES[METHODS["akd"]], scene_of(settings))


def test_students_sit_out_where_there_is_a_bank_to_be_filled():
    """And their schedule is of the other rounds; where there is none, they cannot."""
    schedule = {"epochs": 8, "rounds_per_epoch": 3, "filling": 2}
    with pytest.raises(InputError, match=r"^schedule\.filling=2: must be 0 with method=akd, which keeps no images"):
        arguments(config(schedule=schedule), FAMILIES[METHODS["akd"]], scene_of(config()))
    settings = config(method="fast", schedule=schedule)
    assert arguments(settings, FAMILIES[METHODS["fast"]], scene_of(settings))["filling"] == 6
