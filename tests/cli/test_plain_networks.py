"""A teacher and a student without batch norms, from the checkpoint to the student's program."""

import jax
import jax.numpy as jnp
import pytest
from commands import CONSTANT, SHORT, TINY, status
from tiny_models import PLAIN, plain

from akd_jax.cli import export_student, train
from akd_jax.convert.layouts import to_state_dict
from akd_jax.export.torch_file import encode

SAYS = (
    "the teacher has no batch norms: method=dfq goes without its batch-norm term (dfq.batch_norm_weight=1.0 has no "
    "effect)"
)


@pytest.fixture(scope="module")
def game(tmp_path_factory):
    """The command's settings."""
    path = tmp_path_factory.mktemp("plain") / "teacher.pth"
    variables = jax.jit(plain(10).init)(jax.random.key(0), jnp.zeros((1, 16, 16, 1)))
    path.write_bytes(encode(to_state_dict(variables, "torchvision")))
    teacher = f"--config.teacher.path={path}", f"--config.teacher.arch={PLAIN}"
    return *SHORT, *CONSTANT, *teacher, f"--config.students={PLAIN}"


@pytest.mark.parametrize("played", ["plain teacher, dfq", "plain teacher, akd", "teacher with batch norms, dfq"])
def test_what_falls_away_is_said(game, played, tmp_path, capsys):
    """Nothing of a method that reads no batch norms, whose teacher's are folded besides, nor of a teacher with some."""
    settings = game if "plain" in played else TINY
    method = played.split()[-1]
    assert status(train, *settings, f"--config.method={method}", "--dry_run", "--workdir", tmp_path) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "no batch norms" in line]
    assert said == ([SAYS] if played == "plain teacher, dfq" else [])


@pytest.mark.slow
def test_trained_resumed_and_exported(game, tmp_path, capsys):
    pytest.importorskip("flatbuffers")
    played = (*game, "--config.method=dfq", "--config.dfq.student_steps=1", "--workdir", tmp_path / "run")
    assert status(train, *played, "--config.schedule.epochs=1") == 0
    assert "finished 2 rounds" in capsys.readouterr().out
    assert status(train, *played) == 0
    printed = capsys.readouterr().out
    assert "resuming from round 2" in printed and "finished 4 rounds" in printed
    to = "--format", "stablehlo", "--fold_batch_norm", "--out", tmp_path / "student"
    assert status(export_student, "--workdir", tmp_path / "run", *to) == 0
    printed = capsys.readouterr().out
    assert "verified: " in printed and "not verified" not in printed
