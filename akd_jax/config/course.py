"""How a run goes: how long, measured on what, given up when, on which devices, in programs made how."""

from dataclasses import dataclass

from akd_jax.config.checks import check, check_counts, check_finite


@dataclass(frozen=True)
class ScheduleConfig:
    """An epoch is `rounds_per_epoch` rounds of every turn.

    filling: epochs, the first, in which no student moves, nor is measured: for methods that keep the images they make,
      which fill their banks meanwhile. The schedule of the students' rate is of the other epochs.
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
    filling: int = 0
    rounds_per_dispatch: int = 0
    students: str = "alternating"
    patience: int = 0
    save_minutes: float = 10.0
    max_skipped: int = 10

    def __post_init__(self):
        check_finite(self, 0, "save_minutes")
        for key in ("epochs", "patience", "rounds_per_dispatch"):
            check(key, getattr(self, key), getattr(self, key) >= 0, "a whole number, at least 0")
        enough = 0 <= self.filling < max(self.epochs, 1)
        check("filling", self.filling, enough, f"a whole number, at least 0 and below epochs, {self.epochs}")
        check("students", self.students, self.students in ("alternating", "joint"), "alternating or joint")
        check_counts(self, "rounds_per_epoch", "max_skipped")


@dataclass(frozen=True)
class EvaluationConfig:
    """The labelled images on which students are measured; none is trained on them.

    data: cifar10, cifar100, cifar100_coarse16, digits, or the path of an .npz or an image folder; "" for none.
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
        check_counts(self, "every_epochs", "batch_size")
        check("splits", self.splits, len(self.splits) > 0, "at least one name of a split")


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
        check_finite(self, 0, "diversity")
        check("label_entropy", self.label_entropy, 0 <= self.label_entropy <= 1, "in [0, 1]")
        check("plateau", self.plateau, self.plateau == 0 or self.plateau >= 2, "0, or a whole number, at least 2")


@dataclass(frozen=True)
class MeshConfig:
    """The devices that play one run together, each its share of every batch.

    data: how many, of all processes together.
    coordinator: where several processes meet, one a host: "host:port" of the first of them, or "auto" for what Slurm, a
      TPU or GKE says; "" for one process.
    processes, process: how many there are, and which this one is, counted from 0. Not beside "auto".
    """

    data: int = 1
    coordinator: str = ""
    processes: int = 1
    process: int = 0

    def __post_init__(self):
        check_counts(self, "data", "processes")
        check("process", self.process, 0 <= self.process < self.processes, f"in 0 ... {self.processes - 1}")
        if self.coordinator in ("", "auto"):
            alone = "without a coordinator" if not self.coordinator else "beside coordinator=auto, which says it"
            check("processes", self.processes, self.processes == 1, f"left out {alone}")
        else:
            host, _, port = self.coordinator.rpartition(":")
            meets = bool(host) and port.isdecimal() and 0 < int(port) < 1 << 16
            check("coordinator", self.coordinator, meets, "HOST:PORT, auto, or empty for one process")
        fits = self.data % self.processes == 0
        check("data", self.data, fits, f"a multiple of processes, {self.processes}, of which each has its share")


@dataclass(frozen=True)
class CompilationConfig:
    """How programs are made.

    options: XLA's, "name=value" each, beside those that are measured to be faster on the platform.
    cache: where programs are kept between processes: a directory, which several hosts have to share; "off" for nowhere;
      "" for the user's cache, and for nowhere beside a coordinator.
    """

    options: tuple[str, ...] = ()
    cache: str = ""
