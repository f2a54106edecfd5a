"""The commands as a newcomer uses and misuses them: `main` in this process, since starting one costs seconds."""

from pathlib import Path

import pytest
import tiny_models

from akd_jax import data
from akd_jax.errors import DataMissing

ROOT = Path(__file__).parents[1]
CONFIG = f"{ROOT / 'configs' / 'akd.py'}:digits"
CHECKPOINT = str(ROOT / "akd_jax" / "assets" / "digits_teacher.pth")
W8 = (CHECKPOINT, "--arch", "resnet18_8x_w8")
DIGITS = ("--config", CONFIG)
SHORT = (
    *DIGITS,
    "--config.schedule.epochs=2",
    "--config.schedule.rounds_per_epoch=2",
    "--config.schedule.rounds_per_dispatch=1",
    "--config.adversarial.student_steps=1",
    "--config.batch_size=8",
    "--config.compilation.options=('xla_backend_optimization_level=0',)",  # quick to compile, and slow
)
GAME = (*SHORT, f"--config.teacher.path={tiny_models.TEACHER}", f"--config.teacher.arch={tiny_models.ARCH}")
STUDENT = tiny_models.STUDENTS[0]
TINY = (*GAME, f"--config.students={STUDENT}")
SMALL = "resnet10_8x_w4"
SMALL_GAME = (*SHORT, f"--config.students={SMALL}")
"""As TINY, of the package's own networks: for a process of its own."""
CONSTANT = ("--config.student_optimizer.schedule=constant", "--config.generator_optimizer.schedule=constant")


def status(command, *arguments):
    """What the command exits with."""
    with pytest.raises(SystemExit) as caught:
        command.main([str(argument) for argument in arguments])
    return caught.value.code


def contents(directory):
    """path -> bytes of all files in it."""
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def lose_data(monkeypatch, says="they are gone"):
    """No labelled images from here on."""

    def missing(*_, **__):
        raise DataMissing(says)

    monkeypatch.setattr(data, "load_splits", missing)
