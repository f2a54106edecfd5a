"""A run's settings: typed, checked, frozen. Says what is wrong and where before anything slow starts."""

import math
from dataclasses import dataclass, field
from typing import Any

from akd_jax.errors import InputError


class ConfigError(InputError):
    """A setting that cannot be used; one line that names its key and what it may be."""


def _check(key: str, value: Any, allowed: bool, wanted: str) -> None:
    if not allowed:
        raise ConfigError(f"{key}={value!r}: must be {wanted}")


def _check_finite(config: Any, low: float, *keys: str) -> None:
    for key in keys:
        value = getattr(config, key)
        _check(key, value, math.isfinite(value) and value >= low, f"a finite number, at least {low:g}")


def _check_counts(config: Any, *keys: str) -> None:
    for key in keys:
        _check(key, getattr(config, key), getattr(config, key) >= 1, "a whole number, at least 1")


def _check_crop(config: Any) -> None:
    _check("crop", config.crop, config.crop >= 0, "a whole number of pixels, at least 0")


def _check_temperature(config: Any) -> None:
    _check("temperature", config.temperature, 0 < config.temperature < math.inf, "a finite number above 0")


@dataclass(frozen=True)
class TeacherConfig:
    """The frozen teacher.

    path: a directory that convert_teacher or train_teacher wrote, or a PyTorch checkpoint, which is converted on the
      way in; "" for none, where the method can do without.
    arch, mean, std: for a PyTorch checkpoint only (a directory knows its own): a name of MODELS, and the constants of
      (x / 255 - mean) / std that its training images were normalised with, one a channel. Without a teacher the
      students' images are normalised with them.
    """

    path: str
    arch: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self):
        _check("std", self.std, all(0 < x <= 1 for x in self.std), "above 0 and at most 1, of pixels divided by 255")
        _check("mean", self.mean, all(0 <= x <= 1 for x in self.mean), "in [0, 1], of pixels divided by 255")
        _check("mean", self.mean, len(self.mean) == len(self.std) > 0, "as many numbers as std, one a channel")


@dataclass(frozen=True)
class GeneratorConfig:
    """name: of GENERATORS; latents: length of z; width: channels of its last hidden layer."""

    name: str = "generator_a"
    latents: int = 100
    width: int = 64

    def __post_init__(self):
        _check_counts(self, "latents", "width")


@dataclass(frozen=True)
class RateConfig:
    """learning_rate: its peak. schedule: "constant"; "cosine" down to `final` times the peak at the run's end; or
    "multistep", a tenth from each of `milestones` on, which are shares of the run.
    warmup: share of the run in which the rate first rises from 0 in a line; the schedule has what is left.
    """

    learning_rate: float
    schedule: str = "constant"
    final: float = 0.0
    milestones: tuple[float, ...] = ()
    warmup: float = 0.0

    def __post_init__(self):
        _check_finite(self, 0, "learning_rate", "final")
        _check("warmup", self.warmup, 0 <= self.warmup < 1, "a share of the run, in [0, 1)")
        names = ("constant", "cosine", "multistep")
        _check("schedule", self.schedule, self.schedule in names, f"one of {', '.join(names)}")
        _check(
            "milestones",
            self.milestones,
            all(0 < m < 1 for m in self.milestones) and list(self.milestones) == sorted(set(self.milestones)),
            "shares of the run, in (0, 1) and rising",
        )


@dataclass(frozen=True)
class SgdConfig(RateConfig):
    """The students' optimizer. nesterov: Nesterov's momentum instead of the plain one."""

    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = False

    def __post_init__(self):
        super().__post_init__()
        _check_finite(self, 0, "weight_decay")
        _check("momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")


@dataclass(frozen=True)
class AdamConfig(RateConfig):
    """The generator's optimizer."""

    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self):
        super().__post_init__()
        for key in ("beta1", "beta2"):
            _check(key, getattr(self, key), 0 <= getattr(self, key) < 1, "in [0, 1)")


@dataclass(frozen=True)
class AdversarialConfig:
    """The adversarial family's own settings.

    objective: a name of OBJECTIVES; temperature: of the logits, where the objective has one. diversity_weight: in the
    generator's loss, of its images' mean cosine similarity. other_player: a name of BATCH_STATS, how the player whose
    step it is not takes part. student_steps: in a round, before its one generator step.
    teacher_steps: of how many student steps the teacher looks at the images in one batch, a divisor of student_steps.
      It changes the rounding, and steps that share a look are left out together where one is not finite. Meant for
      GPUs that a batch on small feature maps leaves half idle, where nothing was measured; on CPU it gains nothing.
    """

    objective: str = "l1"
    temperature: float = 4.0
    diversity_weight: float = 0.0
    other_player: str = "moving"
    student_steps: int = 15
    teacher_steps: int = 1

    def __post_init__(self):
        _check_counts(self, "student_steps", "teacher_steps")
        fits = self.student_steps % self.teacher_steps == 0
        _check("teacher_steps", self.teacher_steps, fits, f"a divisor of student_steps, {self.student_steps}")
        _check_finite(self, 0, "diversity_weight")
        _check_temperature(self)


@dataclass(frozen=True)
class ZsktConfig:
    """ZSKT's own settings, with its numbers.

    temperature: of KL. attention_weight: in the students' loss, of attention transfer. student_steps: in a round, after
    its one generator step and on its images. student_statistics: of BATCH_STATS, how students take part in that step.
    """

    temperature: float = 1.0
    attention_weight: float = 250.0
    student_steps: int = 10
    student_statistics: str = "moving"

    def __post_init__(self):
        _check_counts(self, "student_steps")
        _check_finite(self, 0, "attention_weight")
        _check_temperature(self)


@dataclass(frozen=True)
class DaflConfig:
    """DAFL's own settings, with its numbers. temperature: of KL. The weights are of the generator's loss."""

    temperature: float = 1.0
    one_hot_weight: float = 0.5
    balance_weight: float = 20.0
    activation_weight: float = 0.1

    def __post_init__(self):
        _check_finite(self, 0, "one_hot_weight", "balance_weight", "activation_weight")
        _check_temperature(self)


@dataclass(frozen=True)
class DfqConfig:
    """DFQ's own settings, with the numbers of CMI's library.

    temperature: of KL. The weights are of the generator's loss, beside that of its disagreement, 1. student_steps: in a
    round, after its one generator step. student_statistics: of BATCH_STATS, how students take part in that step.
    """

    temperature: float = 1.0
    batch_norm_weight: float = 1.0
    one_hot_weight: float = 1.0
    balance_weight: float = 20.0
    student_steps: int = 10
    student_statistics: str = "running"

    def __post_init__(self):
        _check_counts(self, "student_steps")
        _check_finite(self, 0, "batch_norm_weight", "one_hot_weight", "balance_weight")
        _check_temperature(self)


@dataclass(frozen=True)
class FastConfig:
    """Fast-Datafree's own settings, with the numbers of its five steps for ResNet-34 and ResNet-18.

    synthesis_steps: of a copy of the generator for each batch, with constant rates: generator_rate, and latents_rate of
    the latents. generator_optimizer's rate, of what remains of them all, is synthesis_steps * generator_rate there.
    student_steps: in a round, after its one synthesis. temperature: of the students' KL. The weights are of the
    synthesis' loss. batch_norm_memory: share of earlier batches in its statistics. adversarial_from and reset_at:
    shares of the run, from which on the adversarial term counts and at which the generator's first layers begin anew
    (1 for never). bank_capacity: images, of which the oldest give way. crop, flip: of students' images, as of
    SupervisedConfig.
    """

    synthesis_steps: int = 5
    generator_rate: float = 3e-3
    latents_rate: float = 0.01
    student_steps: int = 400
    temperature: float = 20.0
    batch_norm_weight: float = 10.0
    batch_norm_memory: float = 0.9
    one_hot_weight: float = 0.5
    adversarial_weight: float = 1.33
    adversarial_from: float = 20 / 220
    reset_at: float = 140 / 220
    bank_capacity: int = 56_320
    crop: int = 4
    flip: bool = True

    def __post_init__(self):
        _check_counts(self, "synthesis_steps", "student_steps", "bank_capacity")
        _check_finite(self, 0, "generator_rate", "latents_rate")
        _check_finite(self, 0, "batch_norm_weight", "one_hot_weight", "adversarial_weight")
        _check_crop(self)
        for key in ("batch_norm_memory", "adversarial_from", "reset_at"):
            _check(key, getattr(self, key), 0 <= getattr(self, key) <= 1, "in [0, 1]")
        _check_temperature(self)


@dataclass(frozen=True)
class NayerConfig:
    """NAYER's own settings, with its numbers for 100 classes.

    syntheses: in a round, each of synthesis_steps steps and of noise_layers images a class; generator_optimizer's rate
    runs over the steps of one. generator_life: rounds, after which the generator begins anew; 0 for never.
    student_steps: in a round, after its syntheses. embeddings: what stands for the classes: "classifier", the teacher's
    own last layer; "one_hot"; "orthonormal", random; or the path of an .npy file, [classes, D] numbers, such as of
    their names by a model of language. Others as of FastConfig.
    """

    syntheses: int = 2
    synthesis_steps: int = 40
    noise_layers: int = 4
    generator_life: int = 10
    embeddings: str = "classifier"
    student_steps: int = 400
    temperature: float = 20.0
    batch_norm_weight: float = 10.0
    batch_norm_memory: float = 0.9
    one_hot_weight: float = 0.5
    adversarial_weight: float = 1.33
    adversarial_from: float = 20 / 220
    bank_capacity: int = 240_000
    crop: int = 4
    flip: bool = True

    def __post_init__(self):
        _check_counts(self, "syntheses", "synthesis_steps", "noise_layers", "student_steps", "bank_capacity")
        _check_finite(self, 0, "batch_norm_weight", "one_hot_weight", "adversarial_weight")
        _check("generator_life", self.generator_life, self.generator_life >= 0, "a whole number, at least 0")
        _check_crop(self)
        for key in ("batch_norm_memory", "adversarial_from"):
            _check(key, getattr(self, key), 0 <= getattr(self, key) <= 1, "in [0, 1]")
        _check_temperature(self)


@dataclass(frozen=True)
class SupervisedConfig:
    """The supervised method's own settings: it learns from labelled images, and from a teacher if there is one.

    data: cifar10, cifar100, cifar100_coarse16, digits, or the path of an .npz or an image folder; its directory is
      `evaluation.data_dir`. split: those that are learnt from. An epoch looks at each about once, in
      `schedule.rounds_per_epoch` rounds of equally many steps.
    crop: each image is shifted by up to so many pixels either way, black comes in from outside; 0 for never.
    flip: whether half of the images are mirrored.
    label_smoothing: share of the wanted probability that all classes share (Szegedy et al. 2016, arXiv:1512.00567).
    distillation: weight in [0, 1] of T^2 KL(teacher || student) beside the labels' cross-entropy, which has the rest;
      0 without a teacher. temperature: its T.
    """

    data: str = ""
    split: str = "train"
    crop: int = 4
    flip: bool = True
    label_smoothing: float = 0.0
    distillation: float = 0.0
    temperature: float = 4.0

    def __post_init__(self):
        _check_crop(self)
        _check("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)")
        _check("distillation", self.distillation, 0 <= self.distillation <= 1, "in [0, 1]")
        _check_temperature(self)


@dataclass(frozen=True)
class ScheduleConfig:
    """An epoch is `rounds_per_epoch` rounds of every turn.

    rounds_per_dispatch: at most, in one call of the compiled program, between which a run can be stopped; 0, the
      default, for as many as take 10 seconds, as measured. The numbers are the same either way.
    students: "alternating", a turn for each; or "joint", one turn in which all learn from the same images.
    patience: evaluations in a row that no student may better its best top-1 on the first split before the run ends
      early; 0 for never.
    save_minutes: a run is saved at every evaluation, and after a dispatch when so much time has passed since.
    max_skipped: the run halts once so many steps in a row, of a turn's students or of its generator, were left out, as
      they were not finite.
    """

    epochs: int = 100
    rounds_per_epoch: int = 100
    rounds_per_dispatch: int = 0
    students: str = "alternating"
    patience: int = 0
    save_minutes: float = 10.0
    max_skipped: int = 10

    def __post_init__(self):
        _check_finite(self, 0, "save_minutes")
        for key in ("epochs", "patience", "rounds_per_dispatch"):
            _check(key, getattr(self, key), getattr(self, key) >= 0, "a whole number, at least 0")
        _check("students", self.students, self.students in ("alternating", "joint"), "alternating or joint")
        _check_counts(self, "rounds_per_epoch", "max_skipped")


@dataclass(frozen=True)
class EvaluationConfig:
    """The labelled images on which students are measured; none is trained on them.

    data: cifar10, cifar100, digits, or the path of an .npz or an image folder; "" for none.
    data_dir: "" is tensorflow-datasets' own.
    splits: measured every `every_epochs` epochs; the first of them picks each student's best.
    final_splits: measured at the run's end only. The teacher is measured once on all of them.
    """

    data: str = ""
    data_dir: str = ""
    splits: tuple[str, ...] = ("test",)
    final_splits: tuple[str, ...] = ()
    every_epochs: int = 1
    batch_size: int = 256

    def __post_init__(self):
        _check_counts(self, "every_epochs", "batch_size")
        _check("splits", self.splits, len(self.splits) > 0, "at least one name of a split")


@dataclass(frozen=True)
class CollapseConfig:
    """When a generator counts as collapsed; what is measured, and on what, is in akd_jax/collapse.py.

    diversity: below so many images that are different. label_entropy: below this share of its largest.
    plateau: after so many evaluations in which the disagreement stood still; 0 for never.
    stop: whether the run then ends, as it does when `schedule.patience` is over; otherwise it warns.
    """

    diversity: float = 1.5
    label_entropy: float = 0.3
    plateau: int = 5
    stop: bool = False

    def __post_init__(self):
        _check_finite(self, 0, "diversity")
        _check("label_entropy", self.label_entropy, 0 <= self.label_entropy <= 1, "in [0, 1]")
        _check("plateau", self.plateau, self.plateau == 0 or self.plateau >= 2, "0, or a whole number, at least 2")


@dataclass(frozen=True)
class CompilationConfig:
    """How programs are made.

    options: XLA's, "name=value" each, beside those that are measured to be faster on the platform.
    cache: where programs are kept between processes: a directory, "" for the user's cache, "off" for nowhere.
    """

    options: tuple[str, ...] = ()
    cache: str = ""


@dataclass(frozen=True)
class Config:
    """method: a name of METHODS, whose own settings are in a group of theirs. students: names of MODELS.

    student_weights: what the students begin with, in their order: PyTorch checkpoints or converted directories; "" and
      those left out begin afresh.
    name: config and variant, for people. batch_size: images a step. image_size: side of the generated images in pixels.
    dtype: of the networks' computation, "float32" or "bfloat16"; parameters and losses are float32 either way.
    samples: images in a sample grid, drawn every `sample_every_epochs` epochs, where those end with an evaluation, and
      at the end.
    average: decay of a moving average of each student's weights, which is then what is measured and exported; 0 for
      none. The supervised method has it.
    tensorboard: whether the metrics go to TensorBoard's events too.
    debug_nans: halts at the first step that is not finite, plays its round again operation by operation, and names the
      one that gave NaN first. Needs memory for a second copy of the players.
    """

    name: str
    teacher: TeacherConfig
    students: tuple[str, ...]
    student_optimizer: SgdConfig
    generator_optimizer: AdamConfig = AdamConfig(1e-3)
    student_weights: tuple[str, ...] = ()
    method: str = "akd"
    seed: int = 0
    batch_size: int = 256
    image_size: int = 32
    dtype: str = "float32"
    samples: int = 64
    sample_every_epochs: int = 10
    average: float = 0.0
    tensorboard: bool = False
    debug_nans: bool = False
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    supervised: SupervisedConfig = field(default_factory=SupervisedConfig)
    zskt: ZsktConfig = field(default_factory=ZsktConfig)
    dafl: DaflConfig = field(default_factory=DaflConfig)
    dfq: DfqConfig = field(default_factory=DfqConfig)
    fast: FastConfig = field(default_factory=FastConfig)
    nayer: NayerConfig = field(default_factory=NayerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    collapse: CollapseConfig = field(default_factory=CollapseConfig)
    compilation: CompilationConfig = field(default_factory=CompilationConfig)

    def __post_init__(self):
        _check_counts(self, "batch_size", "samples", "sample_every_epochs")
        _check("batch_size", self.batch_size, self.batch_size > 1, "at least 2, since batch norm needs a batch")
        _check("seed", self.seed, 0 <= self.seed < 2**32, "in 0 ... 2**32 - 1")
        _check(
            "image_size",
            self.image_size,
            self.image_size >= 4 and self.image_size % 4 == 0,
            "a multiple of 4",
        )
        _check("average", self.average, 0 <= self.average < 1, "in [0, 1)")
        _check("dtype", self.dtype, self.dtype in ("float32", "bfloat16"), "float32 or bfloat16")
        _check(
            "students",
            self.students,
            len(set(self.students)) == len(self.students) > 0,
            "one name or more, all different",
        )
        _check(
            "student_weights",
            self.student_weights,
            len(self.student_weights) <= len(self.students),
            "no more paths than there are students",
        )
        capacity, enough = self.fast.bank_capacity, self.method != "fast" or self.fast.bank_capacity >= self.batch_size
        _check("fast.bank_capacity", capacity, enough, f"at least batch_size, {self.batch_size}")
        patience = self.schedule.patience
        _check("schedule.patience", patience, not patience or self.evaluation.data, "0 without evaluation.data")
