"""How players learn."""

from dataclasses import dataclass

from akd_jax.config.checks import check, check_finite


@dataclass(frozen=True)
class RateConfig:
    """learning_rate: its peak. schedule: "constant"; "cosine" down to `final` times the peak at the run's end; or
    "multistep", a tenth from each of `milestones` on, which are shares of the run.
    warmup: share of the run in which the rate first rises from 0 in a line; the schedule has what is left.
    clip: the largest norm of a gradient, of all parameters together; longer ones are shortened to it; 0 for any. `fast`
    plays a synthesis with a copy of its generator, whose steps are not: only the generator's own, which follows them.
    """

    learning_rate: float
    schedule: str = "constant"
    final: float = 0.0
    milestones: tuple[float, ...] = ()
    warmup: float = 0.0
    clip: float = 0.0

    def __post_init__(self):
        check_finite(self, 0, "learning_rate", "final", "clip")
        check("warmup", self.warmup, 0 <= self.warmup < 1, "a share of the run, in [0, 1)")
        names = ("constant", "cosine", "multistep")
        check("schedule", self.schedule, self.schedule in names, f"one of {', '.join(names)}")
        check(
            "milestones",
            self.milestones,
            all(0 < m < 1 for m in self.milestones) and list(self.milestones) == sorted(set(self.milestones)),
            "shares of the run, in (0, 1) and rising",
        )

    @property
    def has_shares(self) -> bool:
        """Whether something is a share of the run."""
        return self.schedule != "constant" or self.warmup > 0


@dataclass(frozen=True)
class SgdConfig(RateConfig):
    """The students' optimizer. nesterov: Nesterov's momentum instead of the plain one."""

    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = False

    def __post_init__(self):
        super().__post_init__()
        check_finite(self, 0, "weight_decay")
        check("momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")


@dataclass(frozen=True)
class AdamConfig(RateConfig):
    """The generator's optimizer."""

    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self):
        super().__post_init__()
        for key in ("beta1", "beta2"):
            check(key, getattr(self, key), 0 <= getattr(self, key) < 1, "in [0, 1)")
