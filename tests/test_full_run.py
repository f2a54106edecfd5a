"""scripts/full_run.sh, from an archive to the report, with everything as small as it goes."""

import json
import os
import subprocess
import sys

import cifar_archives
import pytest
from commands import ROOT, SMALL

BATCH = "--config.batch_size=8 --config.compilation.options=('xla_backend_optimization_level=0',)"
ONE_EPOCH = "--config.schedule.epochs=1 --config.schedule.rounds_per_epoch=2"
FEW_STEPS = (
    "--config.adversarial.student_steps=1 --config.schedule.filling=0 --config.fast.student_steps=1 "
    "--config.fast.synthesis_steps=1 --config.fast.bank_capacity=16"
)


@pytest.fixture
def call(tmp_path):
    made = cifar_archives.make("cifar100", {"train": 100, "test": 20})
    archive = cifar_archives.write(tmp_path, "cifar100", made=made)

    def call(**settings):
        environment = os.environ | {
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "ARCHIVE": str(archive),
            "STUDENTS": SMALL,
            "FLAGS": BATCH,
            "TEACHER_FLAGS": f"--config.students=resnet10_8x_w8 {ONE_EPOCH} --config.dtype=float32",
            "STUDENT_FLAGS": f"{ONE_EPOCH} {FEW_STEPS} --config.generator.width=8",
        }
        command = ["bash", ROOT / "scripts" / "full_run.sh", tmp_path / "full"]
        return subprocess.run(command, env=environment | settings, capture_output=True, text=True, timeout=600)

    return call


def test_from_an_archive_to_a_report_in_pieces(call, tmp_path):
    stages = tmp_path / "full" / "done"
    assert call(PIECE="0").returncode == 75 and not list(stages.iterdir())
    first = call(METHODS="", PIECE="500")
    assert first.returncode == 0, first.stderr
    last = call(PIECE="500")
    assert last.returncode == 0, last.stderr
    assert "== teacher" not in last.stdout, "is done, and not done again"
    assert {path.name for path in stages.iterdir()} == {"prepare", "teacher", f"dfad_{SMALL}", f"best_{SMALL}", "akd"}
    report = json.loads((tmp_path / "full" / "report" / "report.json").read_text())
    assert [(row["config"], row["student"]) for row in report["rows"]] == [
        ("akd", SMALL), ("best", SMALL), ("dfad", SMALL), ("teacher:resnet34", "resnet10_8x_w8")
    ]  # fmt: skip
    assert all(row["finished"] and row["last"]["mean"] is not None for row in report["rows"])
    assert {"report.md", "akd", "teacher"} <= {path.name for path in (tmp_path / "full" / "report").iterdir()}


def test_what_does_not_end_in_time_is_told_to_and_goes_on_at_the_next_call(call, tmp_path):
    """Runs save when they are told to end, and exit with 143; here a command that waits stands for one."""
    waiting = tmp_path / "bin" / "python"
    waiting.parent.mkdir()
    waiting.write_text("#!/bin/sh\nexec sleep 60\n")
    waiting.chmod(0o755)
    ended = call(PIECE="1", PATH=f"{waiting.parent}:{os.environ['PATH']}")
    assert ended.returncode == 75 and ended.stdout == "== prepare\n"
    assert not list((tmp_path / "full" / "done").iterdir())


def test_a_failure_ends_it_with_the_status_of_what_failed(call):
    ended = call(ARCHIVE="nothing.tar.gz")
    assert ended.returncode == 2 and ended.stderr.startswith("error: ")
