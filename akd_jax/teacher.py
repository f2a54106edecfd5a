"""What a teacher is, apart from its arrays."""

from dataclasses import dataclass, field

from akd_jax.task import Task


@dataclass(frozen=True)
class TeacherInfo:
    """The record that goes with a teacher's arrays.

    arch: a name of MODELS. mean, std: of (x / 255 - mean) / std, one a channel. source: the file it came from,
    and that file's digest. digest: of the arrays, "sha256:...".
    top1: measured on the test part of the data that the key names. layout: a name of LAYOUTS; key: where in the source
    the state dict was, "" for its root. Both are "" too in records from before they were kept.
    """

    arch: str
    classes: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    parameters: int
    source: str
    source_digest: str
    digest: str
    top1: dict[str, float] = field(default_factory=dict)
    layout: str = ""
    key: str = ""

    @property
    def task(self) -> Task:
        return Task(self.classes, self.channels, self.mean, self.std)
