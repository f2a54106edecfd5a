"""All settings of a run."""

from dataclasses import dataclass, field

from akd_jax.config.checks import check, check_counts
from akd_jax.config.course import CollapseConfig, CompilationConfig, EvaluationConfig, MeshConfig, ScheduleConfig
from akd_jax.config.methods import AdversarialConfig, DaflConfig, DfqConfig, SupervisedConfig, ZsktConfig
from akd_jax.config.optimizers import AdamConfig, SgdConfig
from akd_jax.config.players import GeneratorConfig, TeacherConfig
from akd_jax.config.replay import CmiConfig, DeepInversionConfig, FastConfig, NayerConfig, SpaceshipConfig


@dataclass(frozen=True)
class Config:
    """method: a name of METHODS, whose own settings are in a group of theirs. students: names of MODELS.

    student_weights: what the students begin with, in their order: PyTorch checkpoints or converted directories; "" and
      those left out begin afresh.
    inherit: whether those begin with the layers that the teacher has too, by name and shape, as a ResNet-18 has all its
      own from a ResNet-34.
    name: config and variant, for people. batch_size: images a step. image_size: side of the generated images in pixels.
    accumulate: in how many parts a step plays its batch, whose mean gradient makes its update, for a batch that does
      not fit into memory. Batch norms see the parts, and so do a generator's terms of whole batches: balance, diversity
      and batch-norm statistics are each part's, and the mean of these is taken.
    dtype: of the networks' computation, "float32" or "bfloat16"; parameters and losses are float32 either way.
    samples: images in a sample grid, drawn every `sample_every_epochs` epochs, where those end with an evaluation, and
      at the end.
    average: decay of a moving average of each student's weights, which is then what is measured and exported; 0 for
      none. The supervised method has it.
    tensorboard: whether the metrics go to TensorBoard's events too.
    num_seeds, sweep: more than one run: so many seeds from `seed` on, and all combinations of numbers that are given
      for other settings, as "NAME=NUMBER,NUMBER,..." each; akd_jax/training/sweep.py says for which.
    debug_nans: halts at the first step that is not finite, plays its round again operation by operation, and names the
      one that gave NaN first. Needs memory for a second copy of the players.
    profile_dispatches: so many dispatches after the first are traced by jax.profiler.
    """

    name: str
    teacher: TeacherConfig
    students: tuple[str, ...]
    student_optimizer: SgdConfig
    generator_optimizer: AdamConfig = field(default_factory=lambda: AdamConfig(1e-3))
    student_weights: tuple[str, ...] = ()
    inherit: bool = False
    method: str = "akd"
    seed: int = 0
    num_seeds: int = 1
    sweep: tuple[str, ...] = ()
    batch_size: int = 256
    accumulate: int = 1
    image_size: int = 32
    dtype: str = "float32"
    samples: int = 64
    sample_every_epochs: int = 10
    average: float = 0.0
    tensorboard: bool = False
    debug_nans: bool = False
    profile_dispatches: int = 0
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    supervised: SupervisedConfig = field(default_factory=SupervisedConfig)
    zskt: ZsktConfig = field(default_factory=ZsktConfig)
    dafl: DaflConfig = field(default_factory=DaflConfig)
    dfq: DfqConfig = field(default_factory=DfqConfig)
    fast: FastConfig = field(default_factory=FastConfig)
    nayer: NayerConfig = field(default_factory=NayerConfig)
    deepinversion: DeepInversionConfig = field(default_factory=DeepInversionConfig)
    cmi: CmiConfig = field(default_factory=CmiConfig)
    spaceship: SpaceshipConfig = field(default_factory=SpaceshipConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    collapse: CollapseConfig = field(default_factory=CollapseConfig)
    compilation: CompilationConfig = field(default_factory=CompilationConfig)
    mesh: MeshConfig = field(default_factory=MeshConfig)

    def __post_init__(self):
        check_counts(self, "batch_size", "accumulate", "samples", "sample_every_epochs", "num_seeds")
        check("batch_size", self.batch_size, self.batch_size > 1, "at least 2, since batch norm needs a batch")
        self._check_parts()
        check("profile_dispatches", self.profile_dispatches, self.profile_dispatches >= 0, "a whole number, at least 0")
        check("seed", self.seed, 0 <= self.seed < 2**32, "in 0 ... 2**32 - 1")
        check(
            "image_size",
            self.image_size,
            self.image_size >= 4 and self.image_size % 4 == 0,
            "a multiple of 4",
        )
        check("average", self.average, 0 <= self.average < 1, "in [0, 1)")
        check("dtype", self.dtype, self.dtype in ("float32", "bfloat16"), "float32 or bfloat16")
        check(
            "students",
            self.students,
            len(set(self.students)) == len(self.students) > 0,
            "one name or more, all different",
        )
        check(
            "student_weights",
            self.student_weights,
            len(self.student_weights) <= len(self.students),
            "no more paths than there are students",
        )
        patience = self.schedule.patience
        check("schedule.patience", patience, not patience or self.evaluation.data, "0 without evaluation.data")

    def _check_parts(self):
        """Batch norm needs a batch in every part, of which every device has its share."""
        parts, size, devices = self.accumulate, self.batch_size, self.mesh.data
        check("accumulate", parts, size % parts == 0 and size > parts, f"a divisor of batch_size, {size}, below it")
        alone = parts == 1 or self.adversarial.teacher_steps == 1
        check("accumulate", parts, alone, "1 beside adversarial.teacher_steps, which makes larger batches")
        wanted = f"a divisor of batch_size / accumulate, {size // parts}, of which every device has its share"
        check("mesh.data", devices, (size // parts) % devices == 0, wanted)
        alone = devices == 1 or not self.debug_nans
        check("debug_nans", self.debug_nans, alone, "off where mesh.data is above 1; the same run goes on with 1")
