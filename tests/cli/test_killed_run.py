"""akd-train, killed and started again."""

import functools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import pytest
import tiny_models
from commands import CONSTANT, ROOT, SHORT, SMALL, TINY, contents, status
from outcomes import assert_same_result, names, rows, summary
from stage import LEARNING

from akd_jax import files, saved_run, workdir
from akd_jax.cli import train

EPOCHS = 12


# One student has the turns of the one schedule, several at once those of the other. To a kill, methods are of two
# kinds: with a generator, and without.
def game(method, schedule, students, settings):
    return (
        *SHORT,
        *CONSTANT,
        f"--config.schedule.epochs={EPOCHS}",
        "--config.sample_every_epochs=3",
        *(f"--config.{key}={value}" for key, value in (LEARNING | settings).items()),
        f"--config.method={method}",
        f"--config.schedule.students={schedule}",
        f"--config.students={students}",
    )


TAUGHT = {"teacher.path": tiny_models.TEACHER, "teacher.arch": tiny_models.ARCH}
QUICK = game("akd", "alternating", tiny_models.STUDENTS[:1], TAUGHT)
GAMES = [
    game(method, schedule, students, {})
    for method in ("akd", "supervised")
    for schedule, students in (("alternating", (SMALL,)), ("joint", (SMALL, "resnet10_8x_w8")))
]


def play(programs, *arguments):
    """In a process of its own."""
    jax.config.update("jax_compilation_cache_dir", programs)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    tiny_models.register()
    train.main([str(argument) for argument in arguments])


def wait_for_round(process, directory, number):
    """Until the process has written its row."""
    while number not in [row["round"] for row in rows(directory)]:
        assert process.is_alive()
        time.sleep(0.005)


def first_row(process, directory):
    """Waits until the process has written a row."""
    rows, started = directory / "metrics.jsonl", time.monotonic()
    before = rows.stat().st_mtime_ns if rows.exists() else 0
    while process.is_alive() and not (rows.exists() and rows.stat().st_mtime_ns > before and rows.stat().st_size):
        assert time.monotonic() - started < 300
        time.sleep(0.005)


@pytest.fixture(scope="module")
def start():
    """(directory, *flags, game=flags, run=member of a sweep) -> a process that trains there, and has begun to."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["akd_jax.training.loop"])

    def start(directory, *flags, game=QUICK, run="."):
        arguments = (jax.config.jax_compilation_cache_dir, *game, *flags, "--workdir", directory)
        process = processes.Process(target=play, args=arguments)
        process.start()
        first_row(process, directory / run)
        return process

    return start


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """(game) -> (the directory of a run that nothing disturbed, the seconds it took)."""

    @functools.cache
    def whole(game):
        directory = tmp_path_factory.mktemp("runs") / "whole"
        process, began = start(directory, game=game), time.monotonic()
        process.join()
        assert process.exitcode == 0
        return directory, time.monotonic() - began

    return whole


SLOWLY = [pytest.param(game, 20, marks=pytest.mark.slow) for game in GAMES]


@pytest.mark.parametrize(
    ("game", "kills"),
    [(QUICK, 3), *SLOWLY],
    ids=lambda value: str(value) if isinstance(value, int) else " ".join(value[-3:-1]),
)
def test_killed_at_random_moments(start, whole, tmp_path, game, kills):
    """No work of more than an epoch is lost, nothing has to be mended by hand, and the result is the same."""
    wanted, took = whole(game)
    draw = random.Random(kills)
    killed, done = tmp_path / "killed", 0
    while done < kills:
        process = start(killed, game=game)
        time.sleep(draw.uniform(0, took / 3))
        process.kill()
        process.join()
        if process.exitcode == 0:  # too late: another run
            assert_same_result(wanted, killed)
            shutil.rmtree(killed)
            continue
        assert process.exitcode == -9
        done += 1
        kept = {int(name) for name in names(killed / "checkpoints") if name.isdecimal()}
        if (killed / "summary.json").exists():
            assert summary(killed)["rounds"] <= max(kept)
        assert rows(killed)[-1]["round"] <= max(kept, default=0) + 2
    process = start(killed, game=game)
    process.join()
    assert process.exitcode == 0
    assert_same_result(wanted, killed)
    assert names(killed) == names(wanted) and len(names(killed / "checkpoints")) == workdir.KEEP


@pytest.mark.slow
def test_a_second_signal_ends_a_run_at_once_and_its_last_checkpoint_loads(start, tmp_path):
    """In the middle of a round, which the first one waits for."""
    process = start(tmp_path, "--config.adversarial.student_steps=400")
    wait_for_round(process, tmp_path, 3)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    process.join(1)
    assert process.exitcode == 128 + signal.SIGTERM
    assert saved_run.read(tmp_path).progress.round == 2


@pytest.mark.slow
def test_a_second_run_is_refused_at_once_and_a_signal_stops_the_first(start, whole, tmp_path):
    """Which goes on as if neither had been."""
    process = start(tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        command = [sys.executable, ROOT / "scripts" / "train.py", *GAMES[0], "--workdir", tmp_path]
        before = os.times()
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        after = os.times()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert second.returncode == 2 and f"locked by process {process.pid}" in second.stderr
    assert second.stderr.count("\n") == 1
    # Of the processor, since other programs make the clock's too long.
    assert sum(after[2:4]) - sum(before[2:4]) < 2
    wait_for_round(process, tmp_path, 3)
    process.terminate()
    process.join(60)
    assert process.exitcode == 143
    assert 3 <= saved_run.read(tmp_path).progress.round < 2 * EPOCHS
    process = start(tmp_path)
    process.join()
    assert process.exitcode == 0
    assert_same_result(whole(QUICK)[0], tmp_path)


def test_a_kill_between_the_last_checkpoint_and_its_reports(curves, run, copy):
    files.write_json(copy / "summary.json", summary(copy) | {"rounds": 2, "finished": False})
    for name in ("history.csv", "curves.png"):
        (copy / name).unlink()
    assert status(train, *TINY, "--workdir", copy) == 0
    assert contents(copy) == contents(run)


SWEEP = (*GAMES[0], "--config.num_seeds=3", "--config.schedule.save_minutes=0.0")
MEMBERS = ("seed_0", "seed_1", "seed_2")


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments(start, tmp_path):
    """While one member is saved and the other is not, among them."""
    wanted, killed, draw = tmp_path / "whole", tmp_path / "killed", random.Random(0)
    process, began = start(wanted, game=SWEEP, run=MEMBERS[-1]), time.monotonic()
    process.join()
    took = time.monotonic() - began
    assert process.exitcode == 0
    for _ in range(3):
        process = start(killed, game=SWEEP, run=MEMBERS[-1])
        time.sleep(draw.uniform(0, took / 4))
        process.kill()
        process.join()
        assert process.exitcode == -9
    process = start(killed, game=SWEEP, run=MEMBERS[-1])
    process.join()
    assert process.exitcode == 0
    assert names(killed) == names(wanted)
    for member in MEMBERS:
        assert_same_result(wanted / member, killed / member)
        assert names(killed / member) == names(wanted / member)
