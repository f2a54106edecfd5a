"""The package as a wheel: built, installed and used away from the sources."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "akd_jax", "configs")
COMMANDS = {
    "akd-train",
    "akd-train-teacher",
    "akd-convert",
    "akd-sample",
    "akd-evaluate",
    "akd-compare",
    "akd-export",
    "akd-prepare-data",
}
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def files(directory):
    return {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def succeeds(command, **options):
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A directory with nothing but the installed wheel."""
    directory = tmp_path_factory.mktemp("wheel")
    sources = directory / "sources"  # a copy, since building leaves files among them
    sources.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, sources)
    succeeds([*PIP, "wheel", "--no-deps", "-w", directory, sources])
    succeeds([*PIP, "install", "--no-deps", "--target", directory / "site", *directory.glob("*.whl")])
    shutil.rmtree(sources)
    return directory / "site"


@pytest.fixture
def installed(site, tmp_path):
    """Runs an installed command in an empty directory; what it does not find in `site` are the libraries.

    Without TensorFlow, wherever that may be installed.
    """
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "tensorflow.py").write_text("import os; os._exit(9)  # an ImportError might be caught")

    def installed(name, *arguments):
        places = {"PYTHONPATH": f"{site}{os.pathsep}{trap}"}
        environment = os.environ | places
        return succeeds([sys.executable, site / "bin" / name, *arguments], cwd=tmp_path, env=environment)

    return installed


def test_all_files_are_inside_and_no_others(site):
    configs = {f"configs/{name}" for name in files(ROOT / "configs")}
    assert files(site / "akd_jax") == files(ROOT / "akd_jax") | configs
    assert {"py.typed", "assets/digits_teacher.pth", "configs/akd.py"} <= files(site / "akd_jax")
    (metadata,) = site.glob("*.dist-info")
    assert {path.name for path in site.iterdir()} == {"akd_jax", "bin", metadata.name}


def test_metadata(site):
    (metadata,) = site.glob("*.dist-info")
    distribution = Distribution.at(metadata)
    assert set(distribution.metadata.get_all("Provides-Extra")) == {
        "cuda",
        "export",
        "hub",
        "tensorboard",
        "test",
        "tpu",
    }
    assert any("tensorboardX" in each and 'extra == "tensorboard"' in each for each in distribution.requires)
    assert {entry.name for entry in distribution.entry_points} == COMMANDS
    assert distribution.metadata["License-File"] == "LICENSE"


def test_commands(site, installed, tmp_path):
    """A config by its name, a teacher of the package: a whole run, though of no round, and images of it."""
    assert "usage: akd-train" in installed("akd-train", "--help")
    installed(
        "akd-train",
        "--config=akd:digits",
        "--config.schedule.epochs=0",
        "--config.batch_size=8",
        "--config.students=resnet10_8x_w4",
        "--config.generator.width=8",
        "--config.evaluation.data=",
        "--config.samples=1",
        "--workdir=run",
    )
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["finished"]
    # The config was the installed one, and so was the package that it imported.
    teacher = Path(json.loads((tmp_path / "run" / "config.json").read_text())["teacher"]["path"])
    assert teacher == site / "akd_jax" / "assets" / "digits_teacher.pth"
    assert " % " in installed("akd-evaluate", "--workdir=run", "--data=digits", "--split=test[:64]")


@pytest.mark.slow
def test_more_commands(site, installed, tmp_path):
    installed("akd-train", "--config=akd:digits", "--config.schedule.epochs=0", "--workdir=run")
    teacher = site / "akd_jax" / "assets" / "digits_teacher.pth"
    installed("akd-sample", "--workdir=run", "--num=2", "--out=images")
    assert files(tmp_path / "images") == {"grid.png", "image_000.png", "image_001.png"}
    out = installed("akd-convert", teacher, "--arch=resnet18_8x_w8", "--mean=0.3", "--std=0.3", "--out=teacher")
    assert "176,258 parameters" in out
