"""Several devices, simulated on the CPU: what they play together is what one plays."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import TINY, status

from akd_jax.cli import train

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """(which of several_devices.GROUPS) -> what a process with eight devices found."""

    @functools.cache
    def facts(group):
        directory = tmp_path_factory.mktemp("devices")
        environment = os.environ | {"JAX_NUM_CPU_DEVICES": "8", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(HERE.parent)}
        command = [sys.executable, HERE / "several_devices.py", directory, group]
        subprocess.run(command, env=environment, check=True)
        return json.loads((directory / "facts.json").read_text())

    return facts


def slow(*values):
    return pytest.param("slow", *values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("group", "method", "count"),
    [
        *(("quick", "game", count) for count in "248"),
        ("quick", "bank", "8"),
        slow("shared", "8"),
        slow("replayed", "8"),
        slow("noisy", "2"),
        slow("school", "8"),
    ],
)
def test_devices_play_what_one_plays_in_float64(facts, group, method, count):
    found = facts(group)[method][count]
    assert found["metrics"] <= 1e-12
    # Biases before a batch norm have a gradient of zero, of whose rounding Adam makes steps.
    assert found["state"] <= {"school": 1e-12, "bank": 1e-8, "noisy": 1e-8}.get(method, 1e-9)


@pytest.mark.parametrize(("group", "method"), [("quick", "game"), slow("shared"), slow("replayed"), slow("school")])
def test_sums_alone_are_sent_between_devices(facts, group, method):
    """Those of batch norms' statistics among them, which are of the whole batch."""
    alone, *others = (found["sends"] for found in facts(group)[method].values())
    assert others and alone == {}
    for sends in others:
        assert sends.keys() == {"all-reduce"}


def test_what_every_device_has_is_looked_at_on_one(facts):
    assert facts("quick")["here"] == [8, 1, [0, 1, 2]]


@pytest.mark.parametrize("count", ["1", "2", "8"])
def test_a_run_goes_on_with_another_number_of_devices(facts, count):
    """From the same numbers, bit for bit."""
    found = facts("quick")["resumed"][count]
    assert found["same start"] and found["rows"] == 4


@pytest.mark.parametrize("count", ["2", "8"])
def test_what_follows_is_the_same_but_for_rounding(facts, count):
    far, moved = facts("quick")["resumed"][count]["far from one"], facts("quick")["resumed"]["moved"]
    assert moved > 1e-2 and far < 1e-2 * moved, (far, moved)


def test_more_devices_than_there_are(tmp_path, capsys):
    assert status(train, *TINY, "--config.mesh.data=4", "--workdir", tmp_path / "run") == 2
    assert "error: mesh.data=4: there is no such number of devices: JAX sees 1 device (cpu)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
