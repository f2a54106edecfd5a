"""akd-train with several seeds and settings, and what others make of its members."""

import json

import pytest
from commands import DIGITS, STUDENT, TINY, contents, status
from exact import OPTIONS
from outcomes import assert_same_result

from akd_jax.cli import evaluate, train

SEEDS = (*TINY, "--config.num_seeds=2")
EXACTLY = f"--config.compilation.options={('xla_backend_optimization_level=0', *OPTIONS)}"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """(its directory, what was printed)."""
    directory, lines = tmp_path_factory.mktemp("sweeps") / "tiny", []
    with pytest.MonkeyPatch.context() as patch:
        for module in ("loop", "briefing"):  # the one that has it from the other first
            patch.setattr(f"akd_jax.training.{module}.say", lines.append)
        assert status(train, *SEEDS, "--workdir", directory) == 0
    return directory, lines


def test_what_is_said(sweep):
    directory, lines = sweep
    assert "2 members: seed_0; seed_1" in lines
    assert any(line.startswith("4 rounds of each of 2 members, memory ") for line in lines)
    assert [line.split(": epoch")[0] for line in lines if ": epoch 1/2, round 2" in line] == ["seed_0", "seed_1"]
    heads, *table, end = lines[lines.index(next(line for line in lines if line.startswith("settings "))) :]
    assert heads.split()[:3] == ["settings", "student", "split"]
    assert {tuple(line.split()[:2]) for line in table} == {("-", STUDENT)}
    assert end == f"finished 2 members; results are in {directory}"


def test_means_of_what_the_members_measured(sweep):
    directory, _ = sweep
    told = [json.loads((directory / member / "summary.json").read_text()) for member in ("seed_0", "seed_1")]
    (result,) = json.loads((directory / "sweep.json").read_text())["results"]
    for split in told[0]["students"][STUDENT]["last"]:
        for when in ("last", "best"):
            top1 = [summary["students"][STUDENT][when][split]["top1"] for summary in told]
            found = result["students"][STUDENT][split][when]
            assert found["top1"] == top1 and found["mean"] == pytest.approx(sum(top1) / 2, abs=1e-6)


@pytest.mark.slow
def test_a_member_is_bitwise_the_run_that_it_would_be_alone(tmp_path):
    """From the command line; tests/training/test_sweep_survival.py has it without."""
    assert status(train, *SEEDS, EXACTLY, "--workdir", tmp_path / "together") == 0
    assert status(train, *TINY, EXACTLY, "--workdir", tmp_path / "alone") == 0
    assert_same_result(tmp_path / "together" / "seed_0", tmp_path / "alone")


def test_members_are_runs_to_the_other_commands(sweep, capsys):
    member = sweep[0] / "seed_1"
    before = contents(member)
    assert status(train, *TINY, "--config.seed=1", "--workdir", member) == 0
    assert "all of it was done before" in capsys.readouterr().out and contents(member) == before
    assert status(evaluate, "--workdir", sweep[0]) == 2
    assert "is a sweep: give the directory of one of its members" in capsys.readouterr().err


def test_dry_run_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert status(train, *SEEDS, "--dry_run") == 0
    assert "4 rounds of each of 2 members, memory" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (
            ("--config.sweep=('batch_size=8,16',)",),
            "batch_size cannot be swept; what can be: student_optimizer.learning_rate",
        ),
        (("--config.sweep=('adversarial.temperature=-1',)",), "adversarial.temperature=-1.0: must be a finite number"),
        (("--config.num_seeds=0",), "num_seeds=0: must be a whole number, at least 1"),
        (("--config.num_seeds=2", "--config.schedule.patience=1"), "schedule.patience=1: must be 0 in a sweep"),
    ],
)
def test_what_is_refused(refused, flags, says):
    assert says in refused(train, *DIGITS, *flags)
