"""Steps that are not finite, in a run: left out, counted, and too many of them."""

import dataclasses

import numpy as np
import pytest
from outcomes import rows
from stage import STUDENTS, Stage, keys_of_steps, poisoned

from akd_jax import families, metrics, saved_run
from akd_jax.errors import NonFiniteError

SEED, STEPS = 0, 2


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Of six rounds, 1 to 6: in the second both student steps are bad; from the third on, all generator steps."""
    bad = [*keys_of_steps(SEED, 1, STEPS)[0], *(keys_of_steps(SEED, round, STEPS)[1] for round in range(2, 6))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "_normal", poisoned(families._normal, np.stack(bad)))
        return Stage(tmp_path_factory.mktemp("stage") / "none")


def test_steps_that_are_not_finite_are_left_out_and_counted(stage, tmp_path, capsys):
    stage.train(tmp_path)
    training = [row for row in rows(tmp_path) if row["kind"] == "train"]
    assert [row["skipped_steps"] for row in training] == [0, 2, 1, 1, 1, 1]
    assert [row["generator_loss"] is None for row in training] == [False, False, True, True, True, True]
    for key in ("student_loss", "student_gradient_norm"):
        assert [row[key] is None for row in training] == [False, True, False, False, False, False]
    warning = "warning: student_loss of tiny_w4 in student step 1 of round 2 is not finite; 2 of 2 such steps"
    assert warning in capsys.readouterr().err
    saved = saved_run.read(tmp_path).progress
    assert saved.state.generator.opt_state[0].count == 2, "steps taken"
    assert saved.skipped == {f"student_step of {STUDENTS[0]}": 0, f"generator_step of {STUDENTS[0]}": 4}


def test_too_many_in_a_row_halt_the_run_with_its_last_checkpoint_intact(stage, tmp_path):
    with pytest.raises(
        NonFiniteError, match=r"^generator_loss in generator step of round 5 is .* 3 such steps in a row"
    ):
        stage.train(tmp_path, max_skipped=3)
    assert saved_run.read(tmp_path).progress.round == 3  # the first epoch's end
    assert metrics.read(tmp_path / "metrics.jsonl")[-1]["round"] == 5
    with pytest.raises(NonFiniteError, match="round 5"):  # resumed, with one that is counted from before
        stage.train(tmp_path, max_skipped=3)


def test_other_steps_in_between_do_not_count(stage, tmp_path):
    """Two student steps in each round are fine, and the generator's four are still in a row."""
    with pytest.raises(NonFiniteError, match="round 6"):
        stage.train(tmp_path, max_skipped=4)


def test_the_count_is_the_same_however_rounds_are_dispatched(stage, tmp_path):
    with pytest.raises(NonFiniteError, match="round 5"):
        stage.train(tmp_path, max_skipped=3, rounds_per_dispatch=3)


def test_too_many_in_a_row_are_noticed_also_where_a_good_one_follows_in_the_same_dispatch(stage, tmp_path):
    with pytest.raises(NonFiniteError, match="student step 2 of round 2"):
        stage.train(tmp_path, max_skipped=2, rounds_per_dispatch=3)


def test_debug_nans_names_the_operation(stage, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stage, "config", dataclasses.replace(stage.config, debug_nans=True))
    with pytest.raises(NonFiniteError, match="student step 1 of round 2 is not finite: invalid value") as caught:
        stage.train(tmp_path)
    assert "encountered in" in str(caught.value)
    assert "operation by operation" in capsys.readouterr().err


def test_a_good_students_steps_do_not_reset_the_count_of_a_bad_one(tmp_path):
    """Of two that take turns of three rounds; the first one's steps are all bad."""
    bad = [keys_of_steps(SEED, round, STEPS)[0] for round in (0, 1, 2, 6, 7, 8)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "_normal", poisoned(families._normal, np.concatenate(bad)))
        stage = Stage(tmp_path / "none", {"students": STUDENTS})
    with pytest.raises(NonFiniteError, match=r"student step 2 of round 7 is .* 8 such steps in a row"):
        stage.train(tmp_path, max_skipped=8)
