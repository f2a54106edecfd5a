"""--config takes paths and names, from any directory."""

from pathlib import Path

import pytest
from absl import flags
from ml_collections import config_flags

from akd_jax.cli.config_files import ConfigParser, locate, shipped
from akd_jax.errors import InputError

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_config_ships():
    assert shipped() == {path.stem: path for path in CONFIGS.glob("*.py")}


@pytest.mark.parametrize("name", ["akd", "akd.py", "configs/akd.py", "./configs/akd.py"])
@pytest.mark.parametrize("variant", ["", ":digits", ":a:b"])
def test_a_name_is_a_shipped_config(name, variant):
    assert locate(name + variant) == f"{CONFIGS / 'akd.py'}{variant}"


@pytest.mark.parametrize("file", ["akd", "configs/akd.py", "mine.py"])
def test_a_file_that_is_there_wins(elsewhere, file):
    (elsewhere / file).parent.mkdir(exist_ok=True)
    (elsewhere / file).write_text("")
    assert locate(f"{file}:digits") == f"{file}:digits"


def test_a_directory_is_no_config(elsewhere):
    (elsewhere / "akd").mkdir()
    assert locate("akd") == str(CONFIGS / "akd.py")


@pytest.mark.parametrize("name", ["nobody", "other/akd.py", "configs/configs/akd.py", "", ":digits", ".", "__init__"])
def test_an_unknown_name_gets_the_list(name):
    with pytest.raises(InputError, match="akd, baseline, best, cmi, dafl, deepinversion, dfad"):
        locate(name)


@pytest.mark.parametrize("arguments", [["--config", "akd:digits"], ["--config=akd:digits"], ["-config", "akd:digits"]])
def test_settings_go_with_a_name(arguments):
    command_line = ["train", *arguments, "--config.batch_size=3"]
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=command_line)
    values["config"].parser = ConfigParser("config")
    values(command_line)
    assert (values.config.name, values.config.batch_size, values.config.is_locked) == ("akd:digits", 3, True)
