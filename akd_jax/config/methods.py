"""Settings of the families of methods that keep no images; those that do are in replay.py."""

from dataclasses import dataclass

from akd_jax.config.checks import check, check_counts, check_crop, check_finite, check_temperature


@dataclass(frozen=True)
class AdversarialConfig:
    """The adversarial family's own settings.

    objective: a name of OBJECTIVES; temperature: of the logits, where the objective has one. diversity_weight: in the
    generator's loss, of its images' mean cosine similarity. other_player: a name of BATCH_STATS, how the player whose
    step it is not takes part. student_steps: in a round, before its one generator step.
    teacher_steps: of how many student steps the teacher looks at the images in one batch, a divisor of student_steps.
      It changes the rounding, and steps that share a look are left out together where one is not finite. Meant for
      GPUs that a batch on small feature maps leaves half idle, where nothing was measured; on CPU it gains nothing.
    replay_decay: of a moving average of the generator, of which then half of the students' images are (MAD: Do et al.
      2022, 0.95 there); 0 for none.
    """

    objective: str = "l1"
    temperature: float = 4.0
    diversity_weight: float = 0.0
    other_player: str = "moving"
    student_steps: int = 15
    teacher_steps: int = 1
    replay_decay: float = 0.0

    def __post_init__(self):
        check_counts(self, "student_steps", "teacher_steps")
        fits = self.student_steps % self.teacher_steps == 0
        check("teacher_steps", self.teacher_steps, fits, f"a divisor of student_steps, {self.student_steps}")
        check_finite(self, 0, "diversity_weight")
        check("replay_decay", self.replay_decay, 0 <= self.replay_decay < 1, "in [0, 1)")
        check_temperature(self)


@dataclass(frozen=True)
class ZsktConfig:
    """ZSKT's own settings, with its numbers, among which are not those of the optimizers: there students have Adam of
    rate 2e-3, and gradients of both players are clipped to a norm of 5 (`clip` of either optimizer); here SGD.

    temperature: of KL. attention_weight: in the students' loss, of attention transfer. student_steps: in a round, after
    its one generator step and on its images. student_statistics: of BATCH_STATS, how students take part in that step.
    """

    temperature: float = 1.0
    attention_weight: float = 250.0
    student_steps: int = 10
    student_statistics: str = "moving"

    def __post_init__(self):
        check_counts(self, "student_steps")
        check_finite(self, 0, "attention_weight")
        check_temperature(self)


@dataclass(frozen=True)
class DaflConfig:
    """DAFL's own settings, with its numbers. temperature: of KL. The weights are of the generator's loss."""

    temperature: float = 1.0
    one_hot_weight: float = 0.5
    balance_weight: float = 20.0
    activation_weight: float = 0.1

    def __post_init__(self):
        check_finite(self, 0, "one_hot_weight", "balance_weight", "activation_weight")
        check_temperature(self)


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
        check_counts(self, "student_steps")
        check_finite(self, 0, "batch_norm_weight", "one_hot_weight", "balance_weight")
        check_temperature(self)


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
        check_crop(self)
        check("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)")
        check("distillation", self.distillation, 0 <= self.distillation <= 1, "in [0, 1]")
        check_temperature(self)
