"""Methods side by side: what is played, what is kept and goes on, and the figures of it."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from commands import status
from kept_runs import run

from akd_jax.cli import config_flag
from akd_jax.config_dict import to_dict
from akd_jax.errors import InputError, StoppedError
from benchmarks import methods, pool
from benchmarks.kept import Entry, check_same, keep

TINY = (
    "--config.batch_size=8",
    "--config.schedule.epochs=1",
    "--config.schedule.rounds_per_epoch=1",
    "--config.adversarial.student_steps=1",
    "--config.students=resnet10_8x_w4",
    "--config.generator.width=8",
    "--config.compilation.options=('xla_backend_optimization_level=0',)",
)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--grounds", "moon"), "--grounds moon: unknown; give some of digits,"),
        (("--recipes", "chess"), "no such variant; give one of methods:digits_akd"),
        (("--seeds", "one"), "--seeds one: give numbers"),
        (("--jobs", "0"), "--jobs 0: this machine lets it have 1 to "),
        (("--fast",), "--fast: no such flag"),
        (("--config.seed=7",), "--config.seed=7: a run has one seed here; --seeds says"),
        (("--json", "."), "--json .: give a file"),
        (("--plot", "top1.foo"), "--plot top1.foo: give a file"),
    ],
)
def test_bad_flags_are_one_line(flags, says, tmp_path, capsys):
    assert status(methods, "--workdir", tmp_path / "runs", "--results", tmp_path / "kept", *flags) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and says in said and not list(tmp_path.iterdir())


def settings_of(*flags):
    """As a run of akd on the digits writes them down, but for some that have no part in what it comes to."""
    return to_dict(config_flag.config_of(["--config=methods:digits_akd", *flags]))


@pytest.mark.parametrize("place", ["kept/digits/akd", "runs/digits/akd/seed_1/run"])
def test_runs_with_other_settings_are_not_put_beside(place, tmp_path, capsys):
    """Neither those that are kept nor those that would go on."""
    given = "--workdir", tmp_path / "runs", "--results", tmp_path / "kept", "--recipes", "akd"
    run(tmp_path / "kept", "digits", "akd", 0, (0.75, 0.5))
    file = tmp_path / place / "config.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings_of("--config.student_optimizer.learning_rate=0.25", "--config.seed=3")))
    rate = settings_of()["student_optimizer"]["learning_rate"]
    assert status(methods, *given, "--seeds", "0,1") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"is of other settings (student_optimizer.learning_rate 0.25 -> {rate})" in said
    file.write_text(json.dumps(settings_of("--config.seed=3")))
    assert status(methods, *given) == 0
    assert "1 runs, 0 of them to be played" in capsys.readouterr().out


def test_seeds_of_another_teacher_are_not_kept_beside(tmp_path):
    run(tmp_path / "kept", "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path / "other", "digits", "akd", 1, (0.75, 0.5), teacher="sha256:2")
    place = tmp_path / "other" / "digits" / "akd" / "seed_1"
    place.rename(tmp_path / "run")
    with pytest.raises(InputError, match="has runs of another teacher"):
        keep(tmp_path, tmp_path / "kept" / "digits" / "akd" / "seed_1")
    assert not (tmp_path / "kept" / "digits" / "akd" / "seed_1").exists()


def test_figures_go_where_they_are_told_to(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quick = tmp_path / "runs" / "methods_quick" / "results"
    run(quick, "digits", "akd", 0, (0.75, 0.5))
    (quick / "digits" / "akd" / "config.json").write_text(json.dumps(settings_of(*methods.QUICK)))
    assert status(methods, "--quick", "--json", "out/figures.json", "--plot", "out/top1.png") == 0
    assert "1 runs, 0 of them to be played" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "out" / "figures.json").read_text())["grounds"]["digits"]
    assert (row["seeds"], row["student_steps"]) == ([0], 3 * 15)
    assert (tmp_path / "out" / "top1.png").exists() and not (quick / "results.json").exists()


@pytest.mark.parametrize("path", sorted((pool.ROOT / "results" / "methods").glob("*/*/config.json")))
def test_what_is_kept_in_the_repository_is_of_todays_recipes(path):
    ground, recipe = path.parts[-3:-1]
    check_same(path.parent, methods._recipe(Entry(ground, recipe, 0), []))


@pytest.mark.slow
def test_what_is_kept_is_not_played_again(tmp_path, capsys):
    kept = tmp_path / "kept"
    given = ("--workdir", tmp_path / "runs", "--results", kept, "--recipes", "akd", *TINY)
    assert status(methods, *given, "--seeds", "1") == 0
    assert "1 runs, 1 of them to be played" in capsys.readouterr().out
    summary = json.loads((kept / "digits" / "akd" / "seed_1" / "summary.json").read_text())
    assert summary["finished"] and summary["rounds"] == 1 and summary["teacher"]["source"] == "digits_teacher.pth"
    assert (kept / "top1.png").exists()
    assert json.loads((kept / "digits" / "akd" / "config.json").read_text())["teacher"]["path"] == "digits_teacher.pth"
    alike = {"teacher": summary["teacher"]["digest"], "student": "resnet10_8x_w4", "flops": summary["flops"]}
    run(kept, "digits", "akd", 0, (0.75, 0.5), **alike)
    assert status(methods, *given, "--seeds", "0,1") == 0
    assert "2 runs, 0 of them to be played" in capsys.readouterr().out
    told = json.loads((kept / "results.json").read_text())
    assert [row["seeds"] for row in told["grounds"]["digits"]] == [[0, 1]]


def test_a_run_that_fails_ends_the_command_and_says_where_to_look(tmp_path, capsys):
    flags = ("--workdir", tmp_path / "runs", "--results", tmp_path / "kept", "--recipes", "akd")
    assert status(methods, *flags, "--config.teacher.path=nowhere.pth") == 1
    assert "methods:digits_akd with seed 0 ended with status 2" in capsys.readouterr().err
    log = tmp_path / "runs" / "digits" / "akd" / "seed_0" / "log.txt"
    assert "error: nothing at nowhere.pth" in log.read_text()
    assert not (tmp_path / "kept" / "digits").exists()


def test_a_signal_stops_what_plays(tmp_path, monkeypatch):
    started = []

    def sleeper(*_):
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True))
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return started[0]

    monkeypatch.setattr(pool, "_start", sleeper)
    with pytest.raises(StoppedError, match=r"^stopped by SIGTERM: the same command goes on$"):
        list(pool.played([Entry("digits", "akd", 0)], tmp_path, [], [[0]]))
    assert [process.returncode for process in started] == [-signal.SIGTERM]
