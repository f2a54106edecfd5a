"""What is known about an exported network: for people, and for the formats that have a place for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Facts:
    """In the types that JSON has; None for what does not apply.

    role: student, teacher or generator. kind: classifier or generator.
    mean, std: of the normalisation, one a channel.
    teacher: its architecture, parameters and digest; {} where there was none.
    top1: data and split -> share.
    pixels: whether it takes bytes, the normalisation inside.
    image_size: side of the images; input_size: side to which a classifier's are enlarged.
    lessons: the labelled images that it learnt from, if it did. latents, width: of a generator.
    method, rounds: of the training, of all but a teacher.
    layout: of its PyTorch names, once chosen.
    """

    role: str
    architecture: str
    parameters: int
    channels: int
    classes: int
    mean: list[float]
    std: list[float]
    teacher: Mapping[str, Any]
    top1: Mapping[str, float] = field(default_factory=dict)
    batch_norms_folded: bool = False
    pixels: bool = False
    kind: str
    image_size: int
    input_size: int | None = None
    lessons: str | None = None
    latents: int | None = None
    width: int | None = None
    method: str | None = None
    rounds: int | None = None
    layout: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What applies, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}
