"""Who plays."""

from dataclasses import dataclass

from akd_jax.config.checks import check, check_counts


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
        check("std", self.std, all(0 < x <= 1 for x in self.std), "above 0 and at most 1, of pixels divided by 255")
        check("mean", self.mean, all(0 <= x <= 1 for x in self.mean), "in [0, 1], of pixels divided by 255")
        check("mean", self.mean, len(self.mean) == len(self.std) > 0, "as many numbers as std, one a channel")


@dataclass(frozen=True)
class GeneratorConfig:
    """name: of GENERATORS; latents: length of z; width: channels of its last hidden layer."""

    name: str = "generator_a"
    latents: int = 100
    width: int = 64

    def __post_init__(self):
        check_counts(self, "latents", "width")
