"""What the networks of a run see and say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """classes, channels: how many. mean, std: of (x / 255 - mean) / std, one a channel."""

    classes: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
