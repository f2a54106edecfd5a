"""Every config plays a tiny round of its own game, and its program lowers for accelerators."""

import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from hlo import CANONICAL, convolution_labels
from jax import export

from akd_jax.config_dict import from_dict
from akd_jax.experiment import build, initial_state
from akd_jax.models import MODELS
from akd_jax.steps import run_rounds
from akd_jax.teacher import TeacherInfo

CONFIGS = Path(__file__).parents[1] / "configs"
QUICK = {"xla_backend_optimization_level": 0}
FILES = {path.stem: importlib.import_module(path.stem) for path in sorted(CONFIGS.glob("*.py"))}
VARIANTS = [(name, variant) for name, file in FILES.items() for variant in file.VARIANTS]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_config_has_the_name_that_calls_it(name, variant):
    assert FILES[name].get_config(variant).name == (f"{name}:{variant}" if variant else name)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_tiny_round(name, variant):
    settings = FILES[name].get_config(variant)
    settings.batch_size, settings.adversarial.student_steps = 2, 1
    config = from_dict(settings.to_dict())
    channels = len(config.teacher.mean)
    classes = 100 if "cifar100" in config.evaluation.data else 10
    images = jnp.zeros((1, 32, 32, channels))
    # Random, which only a test may have: what the numbers are does not matter here.
    teacher_variables = jax.jit(MODELS[config.teacher.arch].network(classes).init, compiler_options=QUICK)(
        jax.random.key(0), images
    )
    mean, std = config.teacher.mean, config.teacher.std
    teacher = TeacherInfo(config.teacher.arch, classes, channels, mean, std, 0, "", "", "")
    experiment = build(config, teacher)
    state, key = initial_state(experiment, jax.random.key(1)), jax.random.key(2)
    assert list(experiment.method.turns) == list(config.students)
    turn = run_rounds(experiment.method.turns[config.students[-1]].round, 1)
    program = jax.jit(turn).lower(state, teacher_variables, key).compile()
    assert convolution_labels(program) == CANONICAL
    moved, metrics = program(state, teacher_variables, key)
    assert moved.step == 1
    assert all(jnp.isfinite(value).all() and value.shape == (1,) for value in jax.tree.leaves(metrics))

    def from_key_data(state, teacher, data):
        return turn(state, teacher, jax.random.wrap_key_data(data))

    exported = export.export(jax.jit(from_key_data), platforms=["cuda", "tpu"])
    assert exported(state, teacher_variables, jax.random.key_data(key)).platforms == ("cuda", "tpu")
