"""Programs for several simulated devices, which a process has from its start or never."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAIN = (sys.executable, str(ROOT / "scripts" / "train.py"))


def environment(devices):
    """Of a process with so many."""
    return os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT / "tests")}


def run(script, *, devices, arguments=()):
    """Raises AssertionError, with what it said, where it does not end well."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(devices), capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
