"""akd-train with several seeds and settings, and what others make of its members."""

import json

import pytest
from commands import DIGITS, STUDENT, TINY, contents, status

from akd_jax.cli import evaluate, sample, train

SWEEP = (*TINY, "--config.num_seeds=2", "--config.sweep=student_optimizer.learning_rate=0.05,0.1",
         "--config.evaluation.splits=validation[:32]", "--config.evaluation.final_splits=test[:32]")  # fmt: skip
MEMBER = "student_optimizer.learning_rate=0.05,seed_1"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """(its directory, what was printed)."""
    directory = tmp_path_factory.mktemp("sweeps") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("akd_jax.briefing.say", lines.append)
        patch.setattr("akd_jax.loop.say", lines.append)
        assert status(train, *SWEEP, "--workdir", directory) == 0
    return directory, lines


def test_what_is_said(sweep):
    directory, lines = sweep
    assert any(line.startswith("4 members: student_optimizer.learning_rate=0.05,seed_0; ") for line in lines)
    assert any(line.startswith("4 rounds of each of 4 members, memory ") for line in lines)
    assert [line.split(": epoch")[0] for line in lines if ": epoch 1/2, round 2" in line] == [
        f"student_optimizer.learning_rate={rate},seed_{seed}" for rate in (0.05, 0.1) for seed in (0, 1)
    ]
    assert lines[-1] == f"finished 4 members; results are in {directory}"
    assert [line.split()[:3] for line in lines[-5:-1]] == [
        [f"student_optimizer.learning_rate={rate}", STUDENT, split]
        for rate in (0.05, 0.1)
        for split in ("validation[:32]", "test[:32]")
    ]


def test_means_of_what_the_members_measured(sweep):
    directory, _ = sweep
    told = json.loads((directory / "sweep.json").read_text())
    for result in told["results"]:
        assert len(result["members"]) == 2
        for split in ("validation[:32]", "test[:32]"):
            for when in ("last", "best"):
                top1 = [
                    json.loads((directory / member / "summary.json").read_text())["students"][STUDENT][when][split][
                        "top1"
                    ]
                    for member in result["members"]
                ]
                found = result["students"][STUDENT][split][when]
                assert found["top1"] == top1 and found["mean"] == pytest.approx(sum(top1) / 2, abs=1e-6)


def test_members_are_runs_to_the_other_commands(sweep, capsys):
    member = sweep[0] / MEMBER
    assert status(evaluate, "--workdir", member, "--best", "--split", "test[:32]") == 0
    assert f"{STUDENT} of {member} at its best" in capsys.readouterr().out
    assert status(sample, "--workdir", member, "--num", "2") == 0
    assert (member / "samples" / "drawn" / "grid.png").exists()
    alone = (*TINY, "--config.seed=1", "--config.student_optimizer.learning_rate=0.05",
             "--config.evaluation.splits=validation[:32]", "--config.evaluation.final_splits=test[:32]")  # fmt: skip
    before = contents(member)
    assert status(train, *alone, "--workdir", member) == 0
    assert "all of it was done before" in capsys.readouterr().out and contents(member) == before
    assert status(evaluate, "--workdir", sweep[0]) == 2
    assert "is a sweep: give the directory of one of its members" in capsys.readouterr().err


def test_dry_run_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert status(train, *SWEEP, "--dry_run") == 0
    assert "4 rounds of each of 4 members, memory" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (
            ("--config.sweep=batch_size=8,16",),
            "batch_size cannot be swept; what can be: student_optimizer.learning_rate",
        ),
        (("--config.sweep=('adversarial.temperature=-1',)",), "adversarial.temperature=-1.0: must be a finite number"),
        (("--config.num_seeds=0",), "num_seeds=0: must be a whole number, at least 1"),
        (("--config.num_seeds=2", "--config.schedule.patience=1"), "schedule.patience=1: must be 0 in a sweep"),
    ],
)
def test_what_is_refused(refused, flags, says):
    assert says in refused(train, *DIGITS, *flags)
