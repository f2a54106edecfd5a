"""A run's settings: typed, checked, frozen. They say what is wrong and where before anything slow starts."""

from akd_jax.config.checks import ConfigError
from akd_jax.config.course import CollapseConfig, CompilationConfig, EvaluationConfig, MeshConfig, ScheduleConfig
from akd_jax.config.methods import AdversarialConfig, DaflConfig, DfqConfig, SupervisedConfig, ZsktConfig
from akd_jax.config.optimizers import AdamConfig, RateConfig, SgdConfig
from akd_jax.config.players import GeneratorConfig, TeacherConfig
from akd_jax.config.replay import CmiConfig, DeepInversionConfig, FastConfig, NayerConfig, SpaceshipConfig
from akd_jax.config.run import Config

__all__ = [
    "AdamConfig",
    "AdversarialConfig",
    "CmiConfig",
    "CollapseConfig",
    "CompilationConfig",
    "Config",
    "ConfigError",
    "DaflConfig",
    "DeepInversionConfig",
    "DfqConfig",
    "EvaluationConfig",
    "FastConfig",
    "GeneratorConfig",
    "MeshConfig",
    "NayerConfig",
    "RateConfig",
    "ScheduleConfig",
    "SgdConfig",
    "SpaceshipConfig",
    "SupervisedConfig",
    "TeacherConfig",
    "ZsktConfig",
]
