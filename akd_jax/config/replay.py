"""Settings of the families of methods that keep what they synthesise in a bank."""

import math
from dataclasses import dataclass

from akd_jax.config.checks import check, check_counts, check_crop, check_finite, check_shares, check_temperature


@dataclass(frozen=True)
class ReplayConfig:
    """What methods that keep their images in a bank have in common, with Fast-Datafree's and NAYER's numbers.

    synthesis_steps: of one synthesis. student_steps: in a round, after its syntheses. temperature: of the students' KL.
    The weights are of the synthesis' loss. batch_norm_memory: share of earlier batches in its statistics.
    adversarial_from: share of the run, from which on the adversarial term counts; adversarial_ramp: share of the run in
    which it then grows to its weight, 0 for at once. bank_capacity: images, of which the oldest give way.
    crop, flip: of the images that students learn from, and that a synthesis shows, as of SupervisedConfig. mix: of
    MIXES, how images of a student's batch are then made into others.
    """

    synthesis_steps: int
    adversarial_from: float
    bank_capacity: int
    student_steps: int = 400
    temperature: float = 20.0
    batch_norm_weight: float = 10.0
    batch_norm_memory: float = 0.9
    one_hot_weight: float = 0.5
    adversarial_weight: float = 1.33
    adversarial_ramp: float = 0.0
    crop: int = 4
    flip: bool = True
    mix: str = "none"

    def __post_init__(self):
        check_counts(self, "synthesis_steps", "student_steps", "bank_capacity")
        check_finite(self, 0, "batch_norm_weight", "one_hot_weight", "adversarial_weight")
        check_shares(self, "batch_norm_memory", "adversarial_from", "adversarial_ramp")
        check_crop(self)
        check_temperature(self)

    @property
    def has_shares(self) -> bool:
        """Whether something is a share of the run."""
        return self.adversarial_from > 0 or self.adversarial_ramp > 0


@dataclass(frozen=True)
class FastConfig(ReplayConfig):
    """Fast-Datafree's own settings, with the numbers of its five steps for ResNet-34 and ResNet-18.

    generator_optimizer's rate of 3e-3 belongs to these.
    synthesis_steps: of a copy of the generator for each batch, with constant rates: generator_optimizer's, and
    latents_rate of the latents. The generator itself has synthesis_steps times the former, as its schedule has it.
    A round has one synthesis. reset_at: share of the run, at which the generator's first layers begin anew (1 for
    never).
    """

    synthesis_steps: int = 5
    adversarial_from: float = 19 / 220
    bank_capacity: int = 56_320
    latents_rate: float = 0.01
    reset_at: float = 139 / 220

    def __post_init__(self):
        super().__post_init__()
        check_finite(self, 0, "latents_rate")
        check_shares(self, "reset_at")

    @property
    def has_shares(self) -> bool:
        return super().has_shares or self.reset_at < 1


@dataclass(frozen=True)
class NayerConfig(ReplayConfig):
    """NAYER's own settings, for 100 classes; how long a run is decides the two that configs/nayer.py has otherwise.

    syntheses: in a round, each of synthesis_steps steps and of noise_layers images a class, but filling_syntheses in a
    round of the epochs of schedule.filling; generator_optimizer's rate runs over the steps of one. generator_life:
    rounds, after which the generator begins anew; 0 for never.
    embeddings: what stands for the classes: "classifier", the teacher's own last layer; "one_hot"; "orthonormal",
    random; or the path of an .npy file, [classes, D] numbers, such as of their names by a model of language.
    """

    synthesis_steps: int = 40
    adversarial_from: float = 20 / 220
    bank_capacity: int = 240_000
    syntheses: int = 2
    filling_syntheses: int = 10
    noise_layers: int = 4
    generator_life: int = 10
    embeddings: str = "classifier"

    def __post_init__(self):
        super().__post_init__()
        check_counts(self, "syntheses", "filling_syntheses", "noise_layers")
        check("generator_life", self.generator_life, self.generator_life >= 0, "a whole number, at least 0")


@dataclass(frozen=True)
class DeepInversionConfig(ReplayConfig):
    """DeepInversion's own settings, with its numbers for CIFAR-10; adversarial_weight 1 makes it the adaptive one.

    generator_optimizer's rate of 0.1 belongs to these, and generator.name "pixels".
    syntheses: in a round, each of batch_size images, but filling_syntheses in a round of the epochs of
    schedule.filling; generator_optimizer's rate runs over the steps of one. temperature: also of the divergence that a
    synthesis raises. total_variation_weight: in its loss.
    """

    synthesis_steps: int = 2000
    adversarial_from: float = 0.0
    bank_capacity: int = 56_320
    temperature: float = 3.0
    batch_norm_memory: float = 0.0
    one_hot_weight: float = 1.0
    adversarial_weight: float = 0.0
    crop: int = 2
    total_variation_weight: float = 2.5e-5
    syntheses: int = 1
    filling_syntheses: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_counts(self, "syntheses", "filling_syntheses")
        check_finite(self, 0, "total_variation_weight")


@dataclass(frozen=True)
class CmiConfig(ReplayConfig):
    """CMI's own settings, with the numbers of its released code for CIFAR, and a larger bank than it needs.

    generator_optimizer's rate of 1e-3 and generator.name "generator_sigmoid" belong to these.
    syntheses: in a round, each of batch_size images and with a generator of its own, but filling_syntheses in a round
    of the epochs of schedule.filling. generator_optimizer's rate, also of the latents, runs over the steps of one;
    head_rate, of the head, is constant; that makes `projection` numbers of an image.
    contrast_weight: in its loss, of telling images apart, `contrast_temperature` that of their likeness; negatives:
    earlier images beside a batch. zoom: the least share of an image's area in the closer look that is to be recognised.
    """

    synthesis_steps: int = 200
    adversarial_from: float = 0.0
    bank_capacity: int = 56_320
    batch_norm_weight: float = 1.0
    batch_norm_memory: float = 0.0
    one_hot_weight: float = 1.0
    adversarial_weight: float = 0.5
    contrast_weight: float = 0.8
    contrast_temperature: float = 0.2
    negatives: int = 4096
    projection: int = 256
    zoom: float = 0.25
    head_rate: float = 1e-3
    syntheses: int = 1
    filling_syntheses: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_counts(self, "syntheses", "filling_syntheses", "negatives", "projection")
        check_finite(self, 0, "contrast_weight", "head_rate")
        check("zoom", self.zoom, 0 < self.zoom <= 1, "a share in (0, 1]")
        fits = 0 < self.contrast_temperature < math.inf
        check("contrast_temperature", self.contrast_temperature, fits, "a finite number above 0")


@dataclass(frozen=True)
class SpaceshipConfig(ReplayConfig):
    """SpaceshipNet's own settings, with the numbers of its released code for CIFAR.

    generator_optimizer's rate of 1e-3 and generator.name "generator_sigmoid" belong to these.
    syntheses: in a round, each of batch_size images, but filling_syntheses in a round of the epochs of
    schedule.filling. generator_optimizer's rate runs over the steps of one, and begins anew with each.
    bank_capacity: images, of which each takes 220 KB at 32x32 with a width of 64, since its features are kept.
    exchange: share of the students' steps in which features exchange half of their channels. class_map_weight,
    gradient_map_weight: in the students' loss, of the distances of class maps and of Grad-CAM's.
    """

    synthesis_steps: int = 200
    adversarial_from: float = 0.0
    bank_capacity: int = 51_200
    student_steps: int = 2000
    temperature: float = 30.0
    batch_norm_weight: float = 1.0
    batch_norm_memory: float = 0.0
    adversarial_weight: float = 0.0
    exchange: float = 0.7
    class_map_weight: float = 1.0
    gradient_map_weight: float = 1.0
    syntheses: int = 1
    filling_syntheses: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_counts(self, "syntheses", "filling_syntheses")
        check_finite(self, 0, "class_map_weight", "gradient_map_weight")
        check_shares(self, "exchange")
