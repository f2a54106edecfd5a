"""The usual constants of (x / 255 - mean) / std."""

from typing import NamedTuple

from akd_jax import digits


class Normalisation(NamedTuple):
    """Mean and standard deviation on the 0..1 scale, one a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


NORMALISATIONS = {
    "cifar10": Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    # With the mean of the images' own deviations, as much of the field's code has it.
    "cifar10_dfad": Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": Normalisation((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    # ImageNet's, which some CIFAR checkpoints were trained with.
    "imagenet": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "digits": Normalisation((digits.MEAN,), (digits.STD,)),
}


def usual(channels: int) -> dict[str, Normalisation]:
    """What a network of this many channels may have been trained with, by name."""
    known = {name: each for name, each in NORMALISATIONS.items() if len(each.mean) == channels}
    half, whole, zero = (0.5,) * channels, (1.0,) * channels, (0.0,) * channels
    return known | {"-1 to 1": Normalisation(half, half), "0 to 1": Normalisation(zero, whole)}
