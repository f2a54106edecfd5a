"""The assembly: what cannot be built, and what is made of the teacher."""

import jax
import jax.numpy as jnp
import pytest
from digits_settings import config, task_of

from akd_jax.errors import InputError
from akd_jax.experiment import build
from akd_jax.families import FAMILIES
from akd_jax.methods import METHODS
from akd_jax.models import make_classifier
from akd_jax.task import Task


def test_a_new_name_for_a_method_is_one_entry(monkeypatch):
    monkeypatch.setitem(METHODS, "mine", METHODS["akd"])
    settings = config(method="mine")
    experiment = build(settings, task_of(settings), teacher=settings.teacher.arch)
    assert list(experiment.method.turns) == list(settings.students)


@pytest.mark.parametrize(
    ("changes", "teacher", "message"),
    [
        ({"supervised": {"distillation": 0.5}}, None, r"distillation=0.5: there is no teacher; give teacher\.path"),
        ({"batch_size": 300, "supervised": {}}, None, r"400 images are too few .* of batches of 300: lower either"),
    ],
)
def test_what_no_supervised_run_can_be(changes, teacher, message):
    settings = config(method="supervised", **changes)
    with pytest.raises(InputError, match=message):
        build(settings, task_of(settings), teacher=teacher, examples=400)


@pytest.mark.parametrize("method", METHODS)
def test_batch_norms_that_a_method_reads_are_not_folded(method):
    """Others are, for a frozen teacher has no other use for them."""
    settings = config(method=method)
    experiment = build(settings, task_of(settings), teacher=settings.teacher.arch, examples=1797)
    images = jnp.zeros((1, 16, 16, 1))
    variables = jax.eval_shape(make_classifier("resnet18_8x_w8", 10, image_size=16).init, jax.random.key(0), images)
    kept = jax.eval_shape(experiment.freeze, variables).batch_stats
    assert (kept == variables.batch_stats) if FAMILIES[METHODS[method]].reads_statistics else not jax.tree.leaves(kept)


def test_stages_that_cannot_be_compared_are_refused():
    """Of torchvision's network, which sees images of 224, and of one for small images."""
    settings = config(method="zskt", students=["resnet20"], image_size=32)
    task = Task(100, 3, (0.5,) * 3, (0.25,) * 3)
    says = (
        r"^students: resnet20 has stages of 32x32, 16x16, 8x8 and the teacher, resnet34, of 56x56, 28x28, 14x14, 7x7 "
    )
    with pytest.raises(InputError, match=says):
        build(settings, task, teacher="resnet34")


def test_maps_that_cannot_be_compared_are_refused():
    settings, task = (
        config(method="spaceship", students=["resnet20"], image_size=32),
        Task(100, 3, (0.5,) * 3, (0.25,) * 3),
    )
    says = r"^students: resnet20 ends with maps of 8x8 and the teacher, resnet18_8x, of 4x4 pixels; method=spaceship "
    with pytest.raises(InputError, match=says):
        build(settings, task, teacher="resnet18_8x")


@pytest.mark.parametrize("method", ["fast", "nayer"])
def test_methods_that_keep_whole_batches_play_none_in_parts(method):
    settings = config(method=method, accumulate=2)
    with pytest.raises(InputError, match=f"^accumulate=2: must be 1 with method={method}, which keeps the best of "):
        build(settings, task_of(settings), teacher=settings.teacher.arch)


def test_devices_that_cannot_share_a_synthesis():
    """Of four images of each of ten classes."""
    settings = config(method="nayer", mesh={"data": 16})
    with pytest.raises(InputError, match=r"^mesh\.data=16: must be a divisor of 40, "):
        build(settings, task_of(settings), teacher=settings.teacher.arch)
