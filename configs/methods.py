"""Methods side by side at the size of a CPU: every recipe on every ground, with the ground's floating-point operations.

python scripts/train.py --config configs/methods.py:GROUND_RECIPE
    GROUND: digits; coarse16, CIFAR-100's 20 coarse classes at 16x16, ResNet-20 -> ResNet-8; or resnet20, CIFAR-10,
    teacher/resnet20-12fca82f.th (akamaster, 91.73 %) -> a fresh ResNet-20, measured on the test part of cifar10.npz.
    RECIPE: akd, dfad, zskt, dafl, dfq, fast, best (ours), nayer, deepinversion, cmi or spaceship.
    python scripts/benchmark_methods.py plays them all.

The recipes are the published ones at this size: their losses and weights, with rates and the shape of rounds that suit
short runs, with warm-up, decay and the filling of banks as shares of a run, of which a bank holds every image. Test
images are measured at every evaluation, so that it can be seen what picking the best epoch by them would gain; the
validation part picks.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

import akd_jax
from akd_jax.config_dict import complete
from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS
from akd_jax.normalisation import NORMALISATIONS

ASSETS = Path(akd_jax.__file__).parent / "assets"
TRAINED = Path(__file__).parents[1] / "results" / "teachers"

Values = dict[str, Any]


class Length(NamedTuple):
    """epochs: of a run. each: rounds in an epoch; of a recipe with a bank, whose epochs are rounds, student steps."""

    epochs: int
    each: int


class Ground(NamedTuple):
    """values: of a config, whoever plays. classes: how many. crop: pixels. flip: whether mirrored images are alike.

    capacity: images in a bank. final: share of its peak that a rate ends with.
    operations: floating-point ones, of every run within a twentieth. lengths: by recipe, for these.
    rates: by recipe, the students' and the generator's of a search by validation top-1, of those that were searched.
    """

    values: Values
    classes: int
    crop: int
    flip: bool
    final: float
    capacity: int
    operations: float
    lengths: Mapping[str, Length]
    rates: Mapping[str, tuple[float, float]]


DIGITS = Ground(
    {
        "teacher": {
            "path": str(ASSETS / "digits_teacher.pth"),
            "arch": "resnet18_8x_w8",
            **NORMALISATIONS["digits"]._asdict(),
        },
        "students": ("resnet10_8x_w8",),
        "batch_size": 64,
        "image_size": 16,
        "generator": {"latents": 64, "width": 32},
        "evaluation": {"data": "digits", "splits": ("validation", "test")},
    },
    classes=10,
    crop=2,
    flip=False,
    final=0.02,
    capacity=8192,
    operations=3.3e11,  # an eighteenth of those of akd:digits, which has two students
    lengths={
        "akd": Length(6, 2),
        "dfad": Length(7, 4),
        "zskt": Length(19, 2),
        "dafl": Length(11, 6),
        "dfq": Length(17, 1),
        "fast": Length(10, 25),
        "best": Length(10, 25),
        "nayer": Length(5, 48),
        "deepinversion": Length(10, 36),
        "cmi": Length(10, 19),
        "spaceship": Length(10, 11),
    },
    # By validation, at last of eight seeds of three rates each: results/methods/search_digits.json, and of ours, whose
    # students inherit layers here, ablation_digits.json; of dafl and dfq, of nine pairs, dafl_digits.json and
    # dfq_digits.json.
    rates={
        "akd": (0.8, 4e-3),
        "dfad": (0.5, 1.5e-3),
        "dafl": (0.3, 1e-3),
        "dfq": (0.3, 2.5e-3),
        "fast": (0.3, 2e-3),
        "best": (0.3, 2e-3),
    },
)


def cifar(
    path: str, student: str, constants: str, data: str, splits: tuple[str, str], image_size: int, **own: Any
) -> Ground:
    """As configs/dfad.py has it for a CPU: a ResNet-20 teaches, batches of 64, a generator of half the width."""
    return Ground(
        {
            "teacher": {"path": path, "arch": "resnet20", **NORMALISATIONS[constants]._asdict()},
            "students": (student,),
            "batch_size": 64,
            "generator": {"latents": 256, "width": 32},
            "evaluation": {"data": data, "splits": splits},
            "image_size": image_size,
        },
        flip=True,
        final=0.01,
        capacity=32_768,
        **own,
    )


COARSE16 = cifar(
    str(TRAINED / "coarse16.pth"),
    "resnet8",
    "cifar100",
    "cifar100_coarse16",
    ("train[:5%]", "test"),
    image_size=16,
    classes=20,
    crop=2,
    operations=4e13,  # half an hour of a core without AVX512
    # Of those with a bank, in rounds of 25 student steps.
    lengths={
        "akd": Length(40, 17),
        "dfad": Length(40, 43),
        "zskt": Length(40, 50),
        "dafl": Length(40, 112),
        "dfq": Length(40, 25),
        "fast": Length(460, 25),
        "best": Length(460, 25),
        "nayer": Length(335, 25),
        "deepinversion": Length(373, 25),
        "cmi": Length(400, 25),
        "spaceship": Length(314, 25),
    },
    # By validation, of six pairs each in runs of a fifth of the length: results/methods/search_coarse16.json.
    rates={"akd": (0.1, 3e-3), "dfad": (0.1, 1e-3), "fast": (0.4, 1e-3), "best": (0.1, 6e-3)},
)
RESNET20 = cifar(
    "teacher/resnet20-12fca82f.th",
    "resnet20",
    "imagenet",
    "cifar10.npz",
    ("test[:20%]", "test[20%:]"),  # the teacher has learned from all of the train part
    image_size=32,
    classes=10,
    crop=4,
    operations=4e13,
    # Of those with a bank, in rounds of 25 student steps.
    lengths={
        "akd": Length(10, 10),
        "dfad": Length(10, 26),
        "zskt": Length(10, 20),
        "dafl": Length(10, 86),
        "dfq": Length(10, 14),
        "fast": Length(64, 25),
        "best": Length(64, 25),
        "nayer": Length(50, 25),
        "deepinversion": Length(60, 25),
        "cmi": Length(59, 25),
        "spaceship": Length(45, 25),
    },
    # By validation, of 16 pairs each in runs of a fifth of the length: results/methods/search_resnet20.json.
    rates={
        "akd": (0.4, 2e-3),
        "dfad": (0.1, 1e-3),
        "fast": (0.05, 1e-3),
        "best": (0.05, 1e-3),
        "nayer": (0.05, 2e-3),
    },
)
GROUNDS = {"digits": DIGITS, "coarse16": COARSE16, "resnet20": RESNET20}


def akd(ground: Ground) -> Values:
    """The seed's 15:1, with rates that decay, as configs/akd.py:digits has them."""
    return _adversarial(ground, "akd", student_steps=15)


def dfad(ground: Ground) -> Values:
    """DFAD's 5:1."""
    return _adversarial(ground, "dfad", student_steps=5)


def _adversarial(ground: Ground, method: str, student_steps: int) -> Values:
    student, generator = ground.rates[method]
    return {
        "method": method,
        "student_optimizer": _sgd(ground, student, weight_decay=5e-4),
        "generator_optimizer": _adam(ground, generator),
        "adversarial": {"objective": "l1", "student_steps": student_steps},
    }


def zskt(ground: Ground) -> Values:
    """ZSKT's 10:1 on the same images; its students have Adam, here SGD as all."""
    return {
        "method": "zskt",
        "student_optimizer": _sgd(ground, 0.1, clip=5.0),
        "generator_optimizer": _adam(ground, 1e-3, clip=5.0),
    }


def dafl(ground: Ground) -> Values:
    """DAFL's weights, in batches of 64 where it has 1,024; its rates too, for these, where no others were searched."""
    student, generator = ground.rates.get("dafl", (0.1, 0.02))
    return {
        "method": "dafl",
        "student_optimizer": _sgd(ground, student),
        "generator_optimizer": _adam(ground, generator),
    }


def dfq(ground: Ground) -> Values:
    """CMI's library's DFQ."""
    student, generator = ground.rates.get("dfq", (0.1, 1e-3))
    return {
        "method": "dfq",
        "student_optimizer": _sgd(ground, student),
        "generator_optimizer": _adam(ground, generator, beta1=0.5),
        "generator": _sigmoid(ground),
    }


def fast(ground: Ground) -> Values:
    """Fast-Datafree with five steps a batch; the first tenth of a run fills the bank."""
    return _fast(ground, *ground.rates["fast"])


def best(ground: Ground) -> Values:
    """Ours, configs/best.py: Fast-Datafree whose students begin with the teacher's layers and learn from mixtures of
    the bank's images. Where they are the teacher's own network they begin afresh, or there would be nothing to learn.
    """
    (student,) = ground.values["students"]
    values = _fast(ground, *ground.rates["best"], mix="mixup")
    return values | {"inherit": student != ground.values["teacher"]["arch"]}


def _fast(ground: Ground, student: float, generator: float, **own: Any) -> Values:
    return {
        "method": "fast",
        "student_optimizer": _sgd(ground, student),
        "generator_optimizer": {"learning_rate": generator, "beta1": 0.5},
        "generator": _sigmoid(ground),
        "fast": {"synthesis_steps": 5, "latents_rate": 0.01, **_replay(ground), **own},
    }


def nayer(ground: Ground) -> Values:
    """NAYER on the teacher's own classifier, about a batch of images a synthesis; no generator lives too long here."""
    student, generator = ground.rates.get("nayer", (0.2, 4e-3))
    return {
        "method": "nayer",
        "student_optimizer": _sgd(ground, student),
        "generator_optimizer": {"learning_rate": generator, "beta1": 0.5},
        "generator": _sigmoid(ground),
        "nayer": {
            "syntheses": 1,
            "filling_syntheses": 2,
            "synthesis_steps": 10,
            "noise_layers": round(ground.values["batch_size"] / ground.classes),
            "generator_life": 0,
            **_replay(ground),
        },
    }


def deepinversion(ground: Ground) -> Values:
    """DeepInversion without its adversarial term, in 20 steps a batch where it has 2,000."""
    return {
        "method": "deepinversion",
        "student_optimizer": _sgd(ground, 0.2),
        "generator_optimizer": {"learning_rate": 0.1},
        "deepinversion": {
            "synthesis_steps": 20,
            "batch_norm_weight": 10.0,
            "one_hot_weight": 1.0,
            "total_variation_weight": 2.5e-5,
            "bank_capacity": ground.capacity,
            "crop": ground.crop,
            "flip": ground.flip,
        },
    }


def cmi(ground: Ground) -> Values:
    """CMI in five steps a batch, at five times its rate, and beside 256 earlier images: of 200, and of 4,096."""
    return {
        "method": "cmi",
        "student_optimizer": _sgd(ground, 0.2),
        "generator_optimizer": {"learning_rate": 5e-3, "beta1": 0.5},
        "generator": _sigmoid(ground),
        "cmi": {
            "synthesis_steps": 5,
            "temperature": 20.0,
            "adversarial_from": FILLING,
            "negatives": 256,
            "bank_capacity": ground.capacity,
            "crop": ground.crop,
            "flip": ground.flip,
        },
    }


def spaceship(ground: Ground) -> Values:
    """SpaceshipNet in five steps a batch, at five times its rate, of 200."""
    return {
        "method": "spaceship",
        "student_optimizer": _sgd(ground, 0.1),
        "generator_optimizer": {"learning_rate": 5e-3, "beta1": 0.5},
        "generator": _sigmoid(ground),
        "spaceship": {
            "synthesis_steps": 5,
            "bank_capacity": ground.capacity,
            "crop": ground.crop,
            "flip": ground.flip,
        },
    }


RECIPES: dict[str, Callable[[Ground], Values]] = {
    "akd": akd,
    "dfad": dfad,
    "zskt": zskt,
    "dafl": dafl,
    "dfq": dfq,
    "fast": fast,
    "best": best,
    "nayer": nayer,
    "deepinversion": deepinversion,
    "cmi": cmi,
    "spaceship": spaceship,
}

FILLING = 0.1
"""Share of a run in which a bank is filled and no student moves; and after which the adversarial term counts."""


def _sgd(ground: Ground, rate: float, *, weight_decay: float = 1e-4, **own: float) -> Values:
    return {"learning_rate": rate, "weight_decay": weight_decay, "schedule": "cosine", "final": ground.final, **own}


def _adam(ground: Ground, rate: float, **own: float) -> Values:
    return {"learning_rate": rate, "schedule": "cosine", "final": ground.final, **own}


def _sigmoid(ground: Ground) -> Values:
    return ground.values["generator"] | {"name": "generator_sigmoid"}


def _replay(ground: Ground) -> Values:
    """Fast-Datafree's and NAYER's numbers for CIFAR-100."""
    return {
        "temperature": 20.0,
        "batch_norm_weight": 10.0,
        "batch_norm_memory": 0.9,
        "one_hot_weight": 0.5,
        "adversarial_weight": 1.33,
        "adversarial_from": FILLING,
        "bank_capacity": ground.capacity,
        "crop": ground.crop,
        "flip": ground.flip,
    }


EVALUATIONS = 10


def _played(ground: str, recipe: str) -> Values:
    """The recipe on the ground, as long as that has it play."""
    scene = GROUNDS[ground]
    epochs, each = scene.lengths[recipe]
    values = scene.values | RECIPES[recipe](scene) | {"name": f"methods:{ground}_{recipe}"}
    if FAMILIES[METHODS[values["method"]]].keeps:  # its epochs are rounds
        values["schedule"] = {"epochs": epochs, "rounds_per_epoch": 1, "filling": max(1, round(FILLING * epochs))}
        values[values["method"]] |= {"student_steps": each}
    else:
        values["schedule"] = {"epochs": epochs, "rounds_per_epoch": each}
    values["evaluation"] = values["evaluation"] | {"every_epochs": max(1, epochs // EVALUATIONS)}
    return values


VARIANTS = {f"{ground}_{recipe}": partial(_played, ground, recipe) for ground in GROUNDS for recipe in RECIPES}


def get_config(variant: str = "digits_akd") -> ConfigDict:
    return ConfigDict(complete(VARIANTS[variant]()))
