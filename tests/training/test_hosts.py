"""Two processes on one machine play one run: the first reads and writes, both end alike."""

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from commands import CONSTANT, SMALL_GAME, STUDENT, TINY, status
from outcomes import names, rows
from several_devices import LESSONS
from stage import tiny

from akd_jax import saved_run
from akd_jax.cli import train, train_teacher
from akd_jax.errors import InputError, OutOfMemoryError, StoppedError
from akd_jax.training import hosts

ROOT = Path(__file__).parents[2]
GAME = (*TINY, *CONSTANT, "--config.generator.width=8", "--config.evaluation.splits=validation[:32]",
        "--config.evaluation.final_splits=()")  # fmt: skip
LONG = (*GAME, "--config.schedule.epochs=2000")
SCHOOL = (*LESSONS, *CONSTANT, f"--config.students={STUDENT}")
KNOWING = f"import sys; sys.path.append({str(ROOT / 'tests')!r}); import tiny_models; tiny_models.register()"
IMPATIENT = f"{KNOWING}; from akd_jax import hosts; hosts.HEARTBEAT_SECONDS = hosts.LEAVE_SECONDS = 10"


def port():
    """One that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Where they are kept from one run to the next."""
    return tmp_path_factory.mktemp("programs")


def start(directory, programs, *command, script="train", before=KNOWING, own=("", "")):
    """The two processes of a run, two devices each, each in a folder of its own; own: an argument of each's own.

    before: what a process does first, by default knows tiny networks; "" is the command itself. IMPATIENT waits for
    one that does not answer for seconds instead of minutes.
    """
    meeting = f"--config.mesh.coordinator=127.0.0.1:{port()}", "--config.mesh.processes=2", "--config.mesh.data=4"
    kept = f"--config.compilation.cache={programs}"
    environment = {
        "JAX_NUM_CPU_DEVICES": "2",
        "JAX_PLATFORMS": "cpu",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    program = [str(ROOT / "scripts" / f"{script}.py")]
    if before:
        program = ["-c", f"{before}; from akd_jax.cli.{script} import main; main()"]
    started = []
    for process in range(2):
        folder = directory / f"host{process}"
        folder.mkdir(exist_ok=True)
        told = [*command, *meeting, kept, f"--config.mesh.process={process}", *filter(None, [own[process]])]
        started.append(
            subprocess.Popen(
                [sys.executable, *program, *told, "--workdir", "run"],
                cwd=folder,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return started


def ended(started, timeout=600):
    """(exit status, stdout, stderr) of each; none is left behind."""
    try:
        told = [process.communicate(timeout=timeout) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(started, told, strict=True)]


@pytest.fixture(scope="module")
def together(tmp_path_factory, programs):
    """(the folder of each host, how its process ended)."""
    directory = tmp_path_factory.mktemp("two")
    return [directory / "host0", directory / "host1"], ended(start(directory, programs, *GAME))


def assert_played_alike(one, other):
    """The same rows, and four rounds of the same losses but for rounding."""
    found = rows(one), rows(other)
    assert [(row["kind"], row["round"]) for row in found[0]] == [(row["kind"], row["round"]) for row in found[1]]
    losses = [[row["student_loss"] for row in each if row["kind"] == "train"] for each in found]
    assert len(losses[0]) == 4
    np.testing.assert_allclose(*losses, rtol=1e-3)
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-5)


def test_two_processes_play_the_run_of_one(together, tmp_path):
    folders, outcome = together
    assert [code for code, *_ in outcome] == [0, 0], outcome
    assert status(train, *GAME, "--workdir", tmp_path / "run") == 0
    assert_played_alike(tmp_path / "run", folders[0] / "run")


def test_only_the_first_writes(together):
    folders, outcome = together
    assert "on 4 x cpu (cpu)" in outcome[0][1] and "finished 4 rounds" in outcome[0][1]
    # XLA's own, of which several may be written at once, each into the other.
    gloo = r"\[Gloo\] Rank|is connected to|peer ranks|Expected number of connected|is :|[\d\s.]"
    assert re.sub(gloo, "", outcome[1][1]) == ""
    assert names(folders[0]) == {"run"} and names(folders[1]) == set()
    assert {"summary.json", "curves.png", "checkpoints", "samples"} <= names(folders[0] / "run")


@pytest.mark.slow
def test_two_train_a_teacher_and_one_goes_on(tmp_path, programs):
    """With labelled images in an order of their own, in parts; every time until the teacher is there."""
    run, one = tmp_path / "host0" / "run", tmp_path / "one"
    outcome = ended(start(tmp_path, programs, *SCHOOL, "--config.schedule.epochs=1", script="train_teacher"))
    assert [code for code, *_ in outcome] == [0, 0], outcome
    assert {"teacher", "teacher.pth", "lessons.json"} <= names(run) and names(tmp_path / "host1") == set()
    for directory in (run, one):
        assert status(train_teacher, *SCHOOL, "--config.schedule.epochs=2", "--workdir", directory) == 0
    assert_played_alike(one, run)


def await_round(started, directory, number):
    """Until it is played."""
    path = directory / "metrics.jsonl"
    while not path.exists() or max((row["round"] for row in rows(directory)), default=0) < number:
        assert all(process.poll() is None for process in started), ended(started)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, programs):
    """(the run's directory, how its processes ended), after a signal to the second one."""
    directory = tmp_path_factory.mktemp("stopped")
    started = start(directory, programs, *LONG)
    await_round(started, directory / "host0" / "run", 1)
    os.kill(started[1].pid, signal.SIGTERM)
    return directory, ended(started)


@pytest.mark.slow
def test_a_signal_to_one_stops_both_after_saving(stopped):
    directory, outcome = stopped
    assert [code for code, *_ in outcome] == [143, 143], outcome
    played = {int(re.search(r"stopped by SIGTERM after round (\d+)", error)[1]) for _, _, error in outcome}
    assert played == {saved_run.read(directory / "host0" / "run").progress.round}


@pytest.mark.slow
def test_two_go_on_until_one_is_lost(stopped, programs):
    """The first ends too, with an error, and what it saved is intact."""
    directory, _ = stopped
    run = directory / "host0" / "run"
    begun = saved_run.read(run).progress.round
    started = start(directory, programs, *LONG, before=IMPATIENT)
    await_round(started, run, begun + 1)
    started[1].kill()
    (code, out, error), _ = ended(started, timeout=120)
    assert code not in (0, None) and error, (code, out, error)
    assert f"resuming from round {begun}" in out
    assert saved_run.read(run).progress.round >= begun


def test_what_the_first_refuses_all_refuse(tmp_path, programs):
    outcome = ended(start(tmp_path, programs, *SMALL_GAME, "--config.teacher.path=nowhere", before=""))
    assert [code for code, *_ in outcome] == [2, 2], outcome
    assert all("nowhere" in error.splitlines()[-1] for *_, error in outcome), outcome


def test_different_commands(tmp_path, programs):
    outcome = ended(start(tmp_path, programs, *SMALL_GAME, before="", own=("--config.seed=1", "--config.seed=2")))
    assert [code for code, *_ in outcome] == [2, 2], outcome
    assert all("the processes were not given the same settings" in error for *_, error in outcome)
    assert names(tmp_path / "host0") == names(tmp_path / "host1") == set()


def test_hosts_with_unequally_many_devices(monkeypatch):
    """Said by each, before anything is exchanged, which would fail."""
    devices = [SimpleNamespace(process_index=process) for process in (0, 0, 1, 1, 1)]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "devices", lambda: devices)
    monkeypatch.setattr(hosts.multihost_utils, "process_allgather", lambda given: np.stack([given, given]))
    config = tiny({"mesh.data": 2, "mesh.processes": 2, "mesh.coordinator": "host:1"})
    with pytest.raises(InputError, match=r"unequally many devices \(2 in process 0, 3 in process 1\)"):
        hosts.check_same(config)
    devices.pop()
    hosts.check_same(config)


def test_what_is_heard_is_raised(monkeypatch):
    stopped = pickle.loads(pickle.dumps(StoppedError("stopped", signal.SIGTERM)))
    assert (str(stopped), stopped.number) == ("stopped", signal.SIGTERM)
    monkeypatch.setattr(hosts, "_exchange", lambda message, came: (InputError("no teacher"), came))
    with pytest.raises(InputError, match="no teacher"):
        hosts.hear()


@pytest.mark.parametrize(
    ("error", "listening"),
    [
        (InputError("no"), True),
        (OutOfMemoryError("no"), True),
        (StoppedError("no", signal.SIGINT), True),
        (KeyboardInterrupt(), True),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED"), False),  # the others may be in the same program
    ],
)
def test_what_ends_the_first_is_told_where_all_listen(monkeypatch, error, listening):
    told = []
    monkeypatch.setattr(hosts, "tell", lambda message: told.append(pickle.loads(pickle.dumps(message))))
    with pytest.raises(type(error)), hosts.leading():
        raise error
    assert [type(message) for message in told] == [type(error)] * listening
    monkeypatch.setattr(hosts, "_exchange", lambda message, came: (told[0], came))
    if listening:
        with pytest.raises(type(error)):
            hosts.hear()


def test_one_process_has_nobody_to_tell():
    assert hosts.is_first() and hosts.tell("anything") == 0
    with pytest.raises(InputError), hosts.leading():
        raise InputError("anything")
