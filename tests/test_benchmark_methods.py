"""Methods side by side: what is played, what is kept and goes on, and the figures of it."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import methods as recipes
import pytest
from commands import status

from akd_jax.cli import config_flag
from akd_jax.config_dict import from_dict, to_dict
from akd_jax.errors import InputError, StoppedError
from akd_jax.experiment import build
from akd_jax.flops import count_flops
from akd_jax.metrics import HISTORY
from akd_jax.models import MODELS
from akd_jax.schedule import Schedule, rounds_by_turn
from akd_jax.task import Task
from akd_jax.types import FILLING
from benchmarks import contest, methods, pool
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


def operations(variant):
    """Of a whole run."""
    config = from_dict(recipes.get_config(variant).to_dict())
    teacher, times, size = config.teacher, config.schedule, config.image_size
    task = Task(recipes.GROUNDS[variant.partition("_")[0]].classes, len(teacher.mean), teacher.mean, teacher.std)
    experiment = build(config, task, teacher=teacher.arch)
    images = jnp.zeros((1, size, size, task.channels))
    loaded = jax.eval_shape(MODELS[teacher.arch].network(task.classes).init, jax.random.key(0), images)
    given = jax.eval_shape(experiment.freeze, loaded)
    state = jax.eval_shape(experiment.method.init, jax.random.key(0))
    turns = experiment.method.turns
    schedule = Schedule(
        tuple(name for name in turns if name != FILLING), times.epochs, times.rounds_per_epoch, 0, times.filling
    )
    return sum(
        rounds * count_flops(turns[turn].round, state, given, jax.random.key(0))
        for turn, rounds in rounds_by_turn(schedule, schedule.rounds).items()
    )


@pytest.mark.parametrize("recipe", ["akd", "best"])
def test_a_recipe_has_its_grounds_operations(recipe):
    assert operations(f"digits_{recipe}") == pytest.approx(recipes.DIGITS.operations, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ground"), recipes.GROUNDS.items())
def test_all_recipes_of_a_ground_have_the_same_operations(name, ground):
    spent = {recipe: operations(f"{name}_{recipe}") for recipe in ground.lengths}
    assert spent == {recipe: pytest.approx(ground.operations, rel=0.05) for recipe in spent}


def test_every_recipe_has_a_length_on_every_ground():
    assert all(ground.lengths.keys() == recipes.RECIPES.keys() for ground in recipes.GROUNDS.values())


def run(
    directory, ground, recipe, seed, top1, *, finished=True, teacher="sha256:1", student="small", flops=1e12,
    splits=("validation", "test"),
):  # fmt: skip
    """What is kept of one: its top-1 on the second split rises to the best, then falls to the last."""
    best, last = top1
    place = directory / ground / recipe / f"seed_{seed}"
    place.mkdir(parents=True)
    picks, told = splits
    measures = {picks: {"top1": best}, told: {"top1": last, "agreement": 0.5}}
    played = {"parameters": 1000, "last": measures, "best": measures, "by_agreement": {"top1": {told: best}}}
    summary = {
        "config": f"methods:{ground}_{recipe}", "seed": seed, "finished": finished, "students": {student: played},
        "teacher": {"arch": "resnet20", "digest": teacher, "top1": {told: 0.8}}, "teacher_queries": 2000,
        "rounds": 3, "flops": flops, "wall_seconds": 90.0, "images_per_second": 20.0, "device": "1 x cpu (cpu)",
    }  # fmt: skip
    (place / "summary.json").write_text(json.dumps(summary))
    with (place / "history.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, HISTORY)
        table.writeheader()
        for i, (split, value) in enumerate([(picks, 0.99), (told, best), (told, last)]):
            table.writerow({"split": split, "top1": value, "teacher_queries": 1000 * i, "wall_seconds": 30.0 * i})


def test_the_best_last_comes_first_and_peeking_is_seen(tmp_path):
    run(tmp_path, "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path, "digits", "akd", 10, (0.85, 0.7))
    run(tmp_path, "digits", "fast", 2, (0.65, 0.65), finished=False)
    run(tmp_path, "coarse16", "akd", 0, (0.25, 0.25))
    found = contest.compared(tmp_path)
    assert list(found) == ["coarse16", "digits"]
    akd = found["digits"][1]
    assert akd["seeds"] == [0, 10] and akd["last"]["mean"] == pytest.approx(0.6)
    assert akd["best_on_test"]["top1"] == [0.75, 0.85] and akd["agreement"] == 0.5
    lines = contest.tables({"grounds": found}).splitlines()
    assert lines[-2].startswith("| fast (not finished) | 1 | 65.00 % |")
    assert lines[-1] == (
        "| akd | 2 | 60.00 ± 14.14 % | 60.00 ± 14.14 % | 80.00 ± 7.07 % | 80.00 ± 7.07 % | 50.00 % "
        "| - | 2,000 | 1.00e+12 | 1.5 | 1 x cpu (cpu) |"
    )
    (earlier := tmp_path / "digits" / "akd" / "seed_0" / "summary.json").write_text(
        earlier.read_text().replace("by_agreement", "of_a_version_without")
    )
    assert contest.compared(tmp_path)["digits"][1]["by_agreement"]["top1"] == [None, 0.85]
    contest.draw(tmp_path, tmp_path / "top1.png")
    assert (tmp_path / "top1.png").read_bytes().startswith(b"\x89PNG")


def test_seeds_of_another_teacher_are_not_put_beside(tmp_path):
    run(tmp_path, "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path, "digits", "akd", 1, (0.75, 0.5), teacher="sha256:2")
    with pytest.raises(InputError, match="akd has runs of several teachers"):
        contest.compared(tmp_path)


def test_seeds_of_another_length_are_not_put_beside(tmp_path):
    run(tmp_path, "digits", "akd", 0, (0.75, 0.5))
    run(tmp_path, "digits", "akd", 1, (0.75, 0.5), flops=2e12)
    with pytest.raises(InputError, match="akd has runs of several teachers, students or lengths"):
        contest.compared(tmp_path)


def test_the_part_of_the_test_images_that_does_not_pick_is_told(tmp_path):
    run(tmp_path, "resnet20", "akd", 0, (0.75, 0.5), splits=("test[:20%]", "test[20%:]"))
    run(tmp_path, "digits", "akd", 0, (0.65, 0.25))
    found = contest.compared(tmp_path)
    (apart,), (whole,) = found["resnet20"], found["digits"]
    assert apart["last"]["top1"] == [0.5] and apart["best_on_test"]["top1"] == [0.75]
    assert whole["last"]["top1"] == [0.25] and whole["best_on_test"]["top1"] == [0.65]
    contest.draw(tmp_path, tmp_path / "top1.png")


def test_seeds_of_other_test_images_are_not_put_beside(tmp_path):
    run(tmp_path, "resnet20", "akd", 0, (0.75, 0.5), splits=("test[:20%]", "test[20%:]"))
    run(tmp_path, "resnet20", "akd", 1, (0.75, 0.5), splits=("test[:20%]", "test"))
    with pytest.raises(InputError, match="seed_1: not measured on test"):
        contest.compared(tmp_path)


def test_runs_that_were_not_measured_on_test_are_told(tmp_path):
    run(tmp_path, "digits", "akd", 3, (0.75, 0.5))
    path = tmp_path / "digits" / "akd" / "seed_3" / "summary.json"
    summary = json.loads(path.read_text())
    del summary["students"]["small"]["last"]["test"]
    path.write_text(json.dumps(summary))
    with pytest.raises(InputError, match="seed_3: not measured on test"):
        contest.compared(tmp_path)


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
    assert status(methods, *given, "--seeds", "0,1") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "is of other settings (student_optimizer.learning_rate 0.25 -> 0.6)" in said
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


@pytest.mark.parametrize(("recipe", "steps"), [("akd", 40 * 17 * 15), ("best", (460 - 46) * 25), ("dafl", 40 * 112)])
def test_student_steps_are_those_of_the_recipe(recipe, steps):
    rows = contest.compared(pool.ROOT / "results" / "methods")["coarse16"]
    (row,) = (row for row in rows if row["config"] == f"methods:coarse16_{recipe}")
    assert row["student_steps"] == steps


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
