"""What configs have from the papers and codes that they are of, number by number."""

import pytest
from config_files import FILES, OF_A_PAIR

from akd_jax.config_dict import from_dict
from akd_jax.optimizers import learning_rate
from akd_jax.pairs import PAIRS


def rates(optimizer, updates, at):
    """The learning rate of the updates `at`, counted from 0, of a run of `updates`."""
    schedule = learning_rate(
        optimizer.learning_rate,
        schedule=optimizer.schedule,
        steps=updates,
        final=optimizer.final,
        milestones=optimizer.milestones,
    )
    return [round(float(schedule(update)), 9) for update in at]


@pytest.mark.parametrize("variant", ["", "cifar10"])
def test_dfads_numbers(variant):
    """Fang et al. 2019 and its released code: 500 epochs of 50 rounds of 5 + 1 steps of 256 images."""
    config = FILES["dfad"].get_config(variant)
    rounds = config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (rounds, config.adversarial.student_steps, config.batch_size) == (25_000, 5, 256)
    for optimizer, peak, steps in ((config.student_optimizer, 0.1, 5), (config.generator_optimizer, 1e-3, 1)):
        decays = [99 * 50 * steps, 199 * 50 * steps]  # its rates fall before the epochs 100 and 200, counted from 1
        at = [0, decays[0] - 1, decays[0], decays[1] - 1, decays[1], rounds * steps - 1]
        wanted = [peak, peak, peak / 10, peak / 10, peak / 100, peak / 100]
        assert rates(optimizer, rounds * steps, at) == pytest.approx(wanted)
    assert (config.student_optimizer.momentum, config.student_optimizer.weight_decay) == (0.9, 5e-4)
    assert (config.generator_optimizer.beta1, config.generator_optimizer.beta2) == (0.9, 0.999)
    assert (config.generator.latents, config.generator.width, config.image_size) == (256, 64, 32)
    assert (config.teacher.mean, config.teacher.std) == ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    assert (config.adversarial.objective, config.adversarial.other_player) == ("l1", "moving")


def test_the_seeds_numbers():
    """Its config.py and its training loop: 100 epochs of 100 rounds of 15 + 1 steps of 256 images, for each student."""
    config = FILES["akd"].get_config()
    schedule = config.schedule
    assert (schedule.epochs, schedule.rounds_per_epoch, config.adversarial.student_steps) == (100, 100, 15)
    assert (config.batch_size, config.generator.latents, schedule.students) == (256, 100, "alternating")
    assert rates(config.student_optimizer, 150_000, [0, 149_999]) == [0.01, 0.01]
    assert rates(config.generator_optimizer, 20_000, [0, 19_999]) == [1e-3, 1e-3]
    assert (config.student_optimizer.momentum, config.student_optimizer.weight_decay) == (0.9, 5e-4)
    assert config.students == ("resnet18_8x", "resnet18_8x_small") and config.teacher.arch == "resnet34"
    assert (config.adversarial.objective, config.adversarial.other_player) == ("l1", "moving")


@pytest.mark.parametrize("variant", ["", "wrn"])
def test_dfqs_numbers(variant):
    """CMI's library: 80,000 student steps of 256 images, ten after each of the generator's."""
    config = FILES["dfq"].get_config(variant)
    updates = config.schedule.epochs * config.schedule.rounds_per_epoch * config.dfq.student_steps
    assert (updates, config.dfq.student_steps, config.batch_size, config.dfq.temperature) == (80_000, 10, 256, 1)
    assert (config.dfq.batch_norm_weight, config.dfq.one_hot_weight, config.dfq.balance_weight) == (1, 1, 20)
    peak = 0.1 if variant else 0.05
    wanted = [peak, peak / 2, 0]
    assert rates(config.student_optimizer, updates, [0, updates // 2, updates]) == pytest.approx(wanted, abs=1e-8)
    assert (config.student_optimizer.momentum, config.student_optimizer.weight_decay) == (0.9, 1e-4)
    assert (config.generator_optimizer.learning_rate, config.generator_optimizer.beta1) == (1e-3, 0.5)
    assert (config.generator.name, config.generator.latents) == ("generator_sigmoid", 256)


@pytest.mark.parametrize(
    ("variant", "steps", "outer", "latents_rate", "weights"),
    [
        ("", 10, 0.02, 0.01, (1.33, 0.5)),
        ("five", 5, 0.015, 0.01, (1.33, 0.5)),
        ("two", 2, 0.01, 0.015, (1.33, 0.5)),
        ("wrn", 10, 0.02, 0.01, (1.1, 0.4)),
    ],
)
def test_fast_datafrees_numbers(variant, steps, outer, latents_rate, weights):
    """Its released code: 220 epochs of a batch of 256 for the bank and 400 student steps; 20 without the students."""
    config = FILES["fast"].get_config(variant)
    own, rounds = config.fast, config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (rounds, config.schedule.filling, own.student_steps) == (220, 20, 400)
    assert (config.batch_size, own.bank_capacity) == (256, 56_320)
    assert (own.synthesis_steps, own.latents_rate) == (steps, latents_rate)
    assert config.generator_optimizer.learning_rate * steps == pytest.approx(outer)
    assert (own.adversarial_weight, own.one_hot_weight) == weights
    assert (own.batch_norm_weight, own.batch_norm_memory, own.temperature) == (10, 0.9, 20)
    assert (own.adversarial_from * rounds, own.reset_at * rounds) == pytest.approx((19, 139))
    assert rates(config.student_optimizer, 80_000, [0, 79_999]) == pytest.approx([0.2, 2e-4], rel=1e-4)
    assert (config.student_optimizer.momentum, config.student_optimizer.weight_decay) == (0.9, 1e-4)
    assert (config.generator_optimizer.beta1, config.generator.name) == (0.5, "generator_sigmoid")


@pytest.mark.parametrize(("variant", "students"), [("", ("resnet18_8x",)), ("wrn", ("wrn16_2",))])
def test_nayers_numbers(variant, students):
    """Its released code for 100 classes: 20 epochs of ten batches of 400, 300 of two and of 400 student steps."""
    config = FILES["nayer"].get_config(variant)
    own, rounds = config.nayer, config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (rounds, config.schedule.filling, own.filling_syntheses, own.syntheses) == (320, 20, 10, 2)
    assert (own.noise_layers, own.synthesis_steps, own.generator_life, own.student_steps) == (4, 40, 10, 400)
    assert (config.batch_size, own.bank_capacity) == (512, 80_000 + 240_000)
    assert (own.adversarial_weight, own.one_hot_weight, own.adversarial_from * rounds) == (1.33, 0.5, 20)
    assert (own.batch_norm_weight, own.batch_norm_memory, own.temperature) == (10, 0.9, 20)
    assert rates(config.student_optimizer, 120_000, [0, 119_999]) == pytest.approx([0.2, 2e-4], rel=1e-4)
    assert (config.student_optimizer.momentum, config.student_optimizer.weight_decay) == (0.9, 1e-4)
    assert (config.generator_optimizer.learning_rate, config.generator_optimizer.beta1) == (4e-3, 0.5)
    assert (config.generator.name, config.generator.latents, config.students) == ("generator_sigmoid", 1000, students)


@pytest.mark.parametrize(("variant", "adversarial"), [("", 0), ("adaptive", 1)])
def test_deepinversions_numbers(variant, adversarial):
    """2,000 steps of Adam at 0.1 for each batch of 256, as many batches and student steps as Fast-Datafree has."""
    config = FILES["deepinversion"].get_config(variant)
    own, rounds = config.deepinversion, config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (rounds, config.schedule.filling, own.syntheses, own.filling_syntheses, own.student_steps) == (
        220, 20, 1, 1, 400,
    )  # fmt: skip
    assert (own.synthesis_steps, own.temperature, own.adversarial_weight) == (2000, 3, adversarial)
    assert (own.batch_norm_weight, own.one_hot_weight, own.total_variation_weight) == (10, 1, 2.5e-5)
    assert (config.batch_size, own.bank_capacity, own.batch_norm_memory, own.adversarial_from) == (256, 56_320, 0, 0)
    assert rates(config.generator_optimizer, 2000, [0, 1999]) == [0.1, 0.1]
    assert (config.generator_optimizer.beta1, config.students) == (0.9, ("resnet18_8x",))
    assert rates(config.student_optimizer, 80_000, [0, 79_999]) == pytest.approx([0.2, 2e-4], rel=1e-4)


@pytest.mark.parametrize(("variant", "students"), [("", ("resnet18_8x",)), ("wrn", ("wrn16_1",))])
def test_cmis_numbers(variant, students):
    """Its released code: 200 epochs of a batch of 256, 200 steps long, and of 400 student steps."""
    config = FILES["cmi"].get_config(variant)
    own, epochs = config.cmi, config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (epochs, own.syntheses, own.synthesis_steps, own.student_steps) == (200, 1, 200, 400)
    assert (own.batch_norm_weight, own.one_hot_weight, own.adversarial_weight, own.contrast_weight) == (1, 1, 0.5, 0.8)
    assert (own.batch_norm_memory, own.adversarial_from, own.temperature, own.zoom) == (0, 0, 20, 0.25)
    assert (own.negatives, own.projection, own.bank_capacity, config.batch_size) == (4096, 256, 51_200, 256)
    assert rates(config.generator_optimizer, 200, [0, 199]) == [1e-3, 1e-3] and own.head_rate == 1e-3
    assert (config.generator_optimizer.beta1, config.generator.name, config.students) == (
        0.5, "generator_sigmoid", students,
    )  # fmt: skip
    assert rates(config.student_optimizer, 80_000, [0, 80_000]) == pytest.approx([0.1, 0])


@pytest.mark.parametrize(("variant", "students"), [("", ("resnet18_8x",)), ("wrn", ("wrn16_1",))])
def test_spaceships_numbers(variant, students):
    """Its released code: 200 epochs of a batch of 256, 200 steps long, and of 2,000 student steps."""
    config = FILES["spaceship"].get_config(variant)
    own, epochs = config.spaceship, config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (epochs, own.syntheses, own.synthesis_steps, own.student_steps) == (200, 1, 200, 2000)
    assert (own.batch_norm_weight, own.one_hot_weight, own.adversarial_weight, own.temperature) == (1, 0.5, 0, 30)
    assert (own.class_map_weight, own.gradient_map_weight, own.exchange, own.bank_capacity) == (1, 1, 0.7, 51_200)
    assert (config.generator_optimizer.learning_rate, config.generator_optimizer.beta1) == (1e-3, 0.5)
    assert (config.generator.name, config.generator.latents, config.students) == ("generator_sigmoid", 256, students)
    assert rates(config.student_optimizer, 400_000, [0, 400_000]) == pytest.approx([0.1, 0])
    assert config.student_optimizer.weight_decay == 1e-4 and config.batch_size == 256


def test_dafls_numbers():
    """Its released code: 2,000 epochs of 120 joint steps of 1,024 images."""
    config = FILES["dafl"].get_config()
    updates = config.schedule.epochs * config.schedule.rounds_per_epoch
    assert (updates, config.batch_size, config.generator.latents) == (240_000, 1024, 1000)
    at = [0, 800 * 120 - 1, 800 * 120, 1600 * 120 - 1, 1600 * 120]
    assert rates(config.student_optimizer, updates, at) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert (config.dafl.one_hot_weight, config.dafl.balance_weight, config.dafl.activation_weight) == (0.5, 20, 0.1)
    assert config.generator_optimizer.learning_rate == 0.02


def test_the_fields_pairs():
    """Of the tables of CMI, Fast-Datafree and NAYER."""
    wanted = {
        ("resnet34_8x", "resnet18_8x"),
        ("wrn40_2", "wrn16_1"),
        ("wrn40_2", "wrn40_1"),
        ("wrn40_2", "wrn16_2"),
        ("vgg11_bn", "resnet18_8x"),
    }
    assert {(pair.data.name, pair.data.classes) for pair in PAIRS.values()} == {("cifar10", 10), ("cifar100", 100)}
    for data in ("cifar10", "cifar100"):
        assert {(pair.teacher, pair.student) for pair in PAIRS.values() if pair.data.name == data} == wanted


@pytest.mark.parametrize(("name", "variant"), OF_A_PAIR)
def test_a_config_of_a_pair(name, variant):
    """Its teacher, its student and its data, and what goes by these; nothing else is not as in the first one."""
    pair, config, first = PAIRS[variant], FILES[name].get_config(variant), FILES[name].get_config()
    data = "cifar10" if variant.startswith("cifar10") else "cifar100"
    assert (config.teacher.path, config.teacher.arch) == (f"teacher/{pair.teacher}_{data}.pth", pair.teacher)
    assert config.teacher.std[0] == {"cifar10": 0.2023, "cifar100": 0.2675}[data]
    assert (config.students, config.evaluation.data) == ((pair.student,), data)
    assert from_dict(config.to_dict()).name == config.name  # its settings go together
    if name == "fast":
        weights = {"resnet34_8x": (1.33, 0.5), "vgg11_bn": (1.0, 0.5), "wrn40_2": (1.1, 0.4)}[pair.teacher]
        assert (config.fast.adversarial_weight, config.fast.one_hot_weight) == weights
        first.fast.adversarial_weight, first.fast.one_hot_weight = weights
    if name == "nayer":
        layers, steps = {"cifar10": (40, 30), "cifar100": (4, 40)}[data]
        assert (config.nayer.noise_layers, config.nayer.synthesis_steps) == (layers, steps)
        first.nayer.noise_layers, first.nayer.synthesis_steps = layers, steps
    if name == "dfq":
        rate = 0.05 if pair.student == "resnet18_8x" else 0.1
        assert config.student_optimizer.learning_rate == rate
        first.student_optimizer.learning_rate = rate
    first.name, first.students, first.teacher, first.evaluation = (
        config.name, config.students, config.teacher, config.evaluation,
    )  # fmt: skip
    assert config.to_dict() == first.to_dict()
