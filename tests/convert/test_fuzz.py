"""Damaged checkpoints are refused in one line or read rightly, and nothing else happens. What counts is in fuzz.py.

AKD_FUZZ_CASES=5000 AKD_FUZZ_JSON=results/fuzz/results.json pytest tests/convert/test_fuzz.py does more, and keeps what
it found.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

import akd_jax

FUZZ = Path(__file__).with_name("fuzz.py")
CASES = os.environ.get("AKD_FUZZ_CASES", "200")
TEACHER = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"
REAL = sorted((FUZZ.parents[3] / "shared" / "weights").glob("*.th"))


@pytest.mark.parametrize("cases", [CASES, pytest.param("2000", marks=pytest.mark.slow)])
def test_damage(tmp_path, cases):
    files = []
    for path in (TEACHER, *REAL):
        content = torch.load(path, weights_only=True, map_location="cpu")
        for form, new in (("zip", True), ("legacy", False)):
            files.append(tmp_path / f"{path.stem}_{form}.pth")
            torch.save(content, files[-1], _use_new_zipfile_serialization=new)
    command = [sys.executable, FUZZ, "--cases", cases, *files]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["wrong"] == []
    assert found["grown_kib"] <= 4 * found["largest_file_kib"] + 64 * 1024  # as `Tensors.budget` has it
    assert all(
        "as the file" not in each for name, each in found["outcomes"].items() if "zip" in name
    )  # it has checksums
    if where := os.environ.get("AKD_FUZZ_JSON"):
        how = {"command": f"AKD_FUZZ_CASES={cases} AKD_FUZZ_JSON={where} pytest tests/convert/test_fuzz.py"}
        Path(where).write_text(json.dumps(how | found, indent=2) + "\n")
