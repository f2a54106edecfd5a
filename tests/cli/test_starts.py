"""akd-train: what students begin with."""

import json

import jax
import numpy as np
import tiny_models
from commands import GAME, status

from akd_jax import saved_run, teacher_files
from akd_jax.cli import train
from akd_jax.training import progress

GIVEN = (
    f"--config.students={tiny_models.ARCH}",
    f"--config.student_weights={tiny_models.TEACHER}",
    "--config.schedule.epochs=0",
)


def test_a_student_begins_with_given_weights(tmp_path):
    assert status(train, *GAME, *GIVEN, "--workdir", tmp_path) == 0
    student = json.loads((tmp_path / "summary.json").read_text())["students"][tiny_models.ARCH]
    assert student["last"]["test"]["agreement"] == 1


SHALLOW = "resnet10_8x_w8"


def test_students_begin_with_layers_of_their_teacher(tmp_path, capsys):
    """All those of a ResNet-10 are in a ResNet-18. So it is of every member of a sweep, whatever its seed."""
    flags = (
        "--config=akd:digits",
        f"--config.students={SHALLOW}",
        "--config.schedule.epochs=0",
        "--config.num_seeds=2",
    )
    told, begun = {}, {}
    for inherit in ("true", "false"):
        assert status(train, *flags, f"--config.inherit={inherit}", "--workdir", tmp_path / inherit) == 0
        told[inherit] = capsys.readouterr().out
        runs = [saved_run.read(tmp_path / inherit / f"seed_{seed}") for seed in (0, 1)]
        begun[inherit] = [run.progress.state.students[SHALLOW].params for run in runs]
    assert "77,858 parameters, 44.2% of the teacher's, of which 77,858 begin as those of the teacher" in told["true"]
    assert "begin as" not in told["false"]
    _, teacher = teacher_files.load(runs[0].config.teacher)
    for params in begun["true"]:
        jax.tree.map(np.testing.assert_array_equal, params, {layer: teacher.params[layer] for layer in params})
    one, other = (params["fc"]["kernel"] for params in begun["false"])
    assert not np.array_equal(one, other) and not np.array_equal(one, teacher.params["fc"]["kernel"])


def test_a_student_that_shares_no_layer_begins_afresh(tmp_path, capsys):
    """And it is said: half as wide as its teacher it can inherit nothing."""
    flags = ("--config=akd:digits", "--config.students=resnet10_8x_w4", "--config.inherit=true", "--dry_run")
    assert status(train, *flags, "--workdir", tmp_path / "run") == 0
    said = capsys.readouterr()
    assert "warning: inherit=True: resnet10_8x_w4 has no layer of resnet18_8x_w8, and begins afresh" in said.err
    assert "begin as" not in said.out


def test_a_student_begins_with_given_weights_also_after_a_kill_in_the_first_save(tmp_path, monkeypatch):
    def killed(*_):
        (tmp_path / "checkpoints" / "0.orbax-checkpoint-tmp").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress, "save", killed)
        assert status(train, *GAME, *GIVEN, "--workdir", tmp_path) == 130
    test_a_student_begins_with_given_weights(tmp_path)
