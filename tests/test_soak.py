"""Thousands of rounds, and every dispatch saved: one compilation, and memory, open files and disk stay as they are.

A save loses memory for good: TensorStore's `KvStore.Spec.to_json`, which Orbax calls for every array, keeps 260 bytes a
call (0.1.74 to 0.1.86). That is 0.1 MiB a save of this game.

AKD_SOAK_JSON=results/soak/results.json pytest -m slow tests/test_soak.py keeps what it found.
"""

import json
import os
import platform
import time
from pathlib import Path

import jax
import pytest
from stage import Stage

import akd_jax
from akd_jax import metrics, saved_run, workdir
from akd_jax.training import dispatch
from akd_jax.training.summary import device

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
COMPILED = "/jax/core/compile/backend_compile_duration"


def watched(directory, epochs, rounds_per_epoch, student_steps, per_dispatch):
    """What a run of so many rounds took, sampled after each dispatch; each is followed by a checkpoint."""
    compiled, samples, play = [], [], dispatch.play
    settings = {"schedule.epochs": epochs, "schedule.rounds_per_epoch": rounds_per_epoch, "sample_every_epochs": epochs,
                "schedule.rounds_per_dispatch": per_dispatch, "adversarial.student_steps": student_steps}  # fmt: skip

    def listen(event, _, **labels):
        if event == COMPILED:
            compiled.append((len(samples), labels["fun_name"]))

    def sampling(*arguments):
        seats = play(*arguments)
        checkpoints = [entry for entry in (directory / workdir.CHECKPOINTS).iterdir() if entry.name.isdigit()]
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        samples.append(
            {
                "rss_mib": round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
                "open_files": len(os.listdir("/proc/self/fd")),
                "threads": len(os.listdir("/proc/self/task")),
                "checkpoints": len(checkpoints),
            }
        )
        return seats

    jax.monitoring.register_event_duration_secs_listener(listen)
    started = time.monotonic()
    try:
        Stage(directory / "none", settings).train(directory, play=sampling, save_minutes=0.0)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    rounds = epochs * rounds_per_epoch
    assert saved_run.read(directory).progress.round == rounds == len(samples) * per_dispatch
    assert len([row for row in metrics.read(directory / "metrics.jsonl") if row["kind"] == "train"]) == rounds
    return samples, compiled, time.monotonic() - started


def assert_bounded(samples, compiled, warm, rss_mib):
    """warm: after so many dispatches all has been seen once."""
    assert [name for _, name in compiled].count("jit(rounds_of)") == 1
    assert [entry for entry in compiled if warm < entry[0] < len(samples)] == []
    first, last = samples[warm], samples[warm + 1 :]
    assert max(each["rss_mib"] for each in last) - first["rss_mib"] < rss_mib
    assert max(each["open_files"] for each in last) <= first["open_files"] + 10  # of a save that is being written
    assert max(each["checkpoints"] for each in samples) <= workdir.KEEP + 1


def test_twenty_four_rounds(tmp_path):
    samples, compiled, _ = watched(tmp_path, epochs=4, rounds_per_epoch=6, student_steps=1, per_dispatch=1)
    assert_bounded(samples, compiled, warm=13, rss_mib=50)


@pytest.mark.slow
def test_two_thousand_rounds(tmp_path):
    samples, compiled, seconds = watched(tmp_path, epochs=40, rounds_per_epoch=50, student_steps=4, per_dispatch=10)
    chosen = {round: samples[round // 10 - 1] for round in (10, 110, 500, 1000, 1500, 2000)}
    found = {
        "command": "AKD_SOAK_JSON=results/soak/results.json pytest -m slow tests/test_soak.py",
        "rounds": 2000,
        "steps": 2000 * (4 + 1),
        "checkpoints_written": len(samples),
        "evaluations": 40,
        "programs_of_rounds_compiled": [name for _, name in compiled].count("jit(rounds_of)"),
        "after_round": chosen,
        "most_after_round_110": {key: max(each[key] for each in samples[11:]) for key in samples[0]},
        "disk_kib": sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) // 1024,
        "seconds": round(seconds),
        "device": device(),
        "cpu_cores": os.cpu_count(),
        "versions": {"akd_jax": akd_jax.__version__, "jax": jax.__version__, "python": platform.python_version()},
    }
    print(json.dumps(found, indent=2))
    if where := os.environ.get("AKD_SOAK_JSON"):
        Path(where).parent.mkdir(exist_ok=True)
        Path(where).write_text(json.dumps(found, indent=2) + "\n")
    assert_bounded(samples, compiled, warm=11, rss_mib=50)
