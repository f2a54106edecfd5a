"""Two processes on one machine play one run: the first writes, both end alike."""

import os
import re
import signal
import socket
import subprocess
import time

import devices
import numpy as np
import pytest
from commands import CONSTANT, TINY
from outcomes import names, rows

from akd_jax import saved_run

GAME = (*TINY, *CONSTANT, "--config.mesh.data=4")
LONG = (*GAME, "--config.schedule.epochs=2000")


def port():
    """One that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(directory, *command, processes=2):
    """The processes of a run, two devices each; of several, each in a folder of its own."""
    meeting = f"--config.mesh.coordinator=127.0.0.1:{port()}", f"--config.mesh.processes={processes}"
    started = []
    for process in range(processes):
        folder = directory / f"host{process}"
        folder.mkdir(parents=True)
        own = (*meeting, f"--config.mesh.process={process}") if processes > 1 else ()
        started.append(
            subprocess.Popen(
                [*devices.TRAIN, *command, *own, "--workdir", "run"],
                cwd=folder,
                env=devices.environment(4 // processes),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return started


def ended(started, timeout=300):
    """(exit status, stdout, stderr) of each; none is left behind."""
    try:
        told = [process.communicate(timeout=timeout) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(started, told, strict=True)]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """(the run's folder at each host, how they ended)."""
    directory = tmp_path_factory.mktemp("two")
    return [directory / "host0", directory / "host1"], ended(start(directory, *GAME))


def test_two_processes_play_the_run_of_one(together, tmp_path):
    folders, outcome = together
    assert [code for code, *_ in outcome] == [0, 0], outcome
    [(code, *told)] = ended(start(tmp_path, *GAME, processes=1))
    assert code == 0, told
    one, two = rows(tmp_path / "host0" / "run"), rows(folders[0] / "run")
    assert len(one) == len(two) > 4
    for own, other in zip(one, two, strict=True):
        assert own.keys() == other.keys() and own["kind"] == other["kind"]
        if own["kind"] == "train":
            np.testing.assert_allclose(own["student_loss"], other["student_loss"], rtol=1e-3)
    assert rows(folders[0] / "run")[0]["student_loss"] == pytest.approx(one[0]["student_loss"], rel=1e-6)


def test_only_the_first_writes(together):
    folders, outcome = together
    assert "finished 4 rounds" in outcome[0][1] and outcome[1][1] == ""
    assert names(folders[0]) == {"run"} and names(folders[1]) == set()
    assert {"summary.json", "curves.png", "checkpoints", "samples"} <= names(folders[0] / "run")


def test_a_signal_to_one_stops_both_after_saving(tmp_path):
    started = start(tmp_path, *LONG)
    metrics = tmp_path / "host0" / "run" / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        assert all(process.poll() is None for process in started), ended(started)
        time.sleep(0.2)
    os.kill(started[1].pid, signal.SIGTERM)
    outcome = ended(started)
    assert [code for code, *_ in outcome] == [143, 143], outcome
    played = {int(re.search(r"stopped by SIGTERM after round (\d+)", error)[1]) for _, _, error in outcome}
    assert played == {saved_run.read(tmp_path / "host0" / "run").progress.round}
