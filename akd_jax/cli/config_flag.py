"""The flag --config, its settings --config.KEY=VALUE, and the settings that they come to."""

import contextlib
from collections.abc import Iterator, Sequence

from absl import flags
from ml_collections import config_flags

from akd_jax.cli.config_files import ConfigParser
from akd_jax.config import Config
from akd_jax.config_dict import check_key, from_dict
from akd_jax.errors import InputError


def define(values: flags.FlagValues, command_line: Sequence[str]) -> None:
    """Adds the flag to those of a command. command_line: the program and its arguments."""
    config_flags.DEFINE_config_file(
        "config", help_string="FILE[:VARIANT]", flag_values=values, sys_argv=list(command_line)
    )
    values["config"].parser = ConfigParser("config")


def parse(values: flags.FlagValues, command_line: Sequence[str]) -> list[str]:
    """The arguments that are no flags; the flags have their values afterwards. Raises InputError."""
    for argument in command_line[1:]:
        name, _, _ = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name.startswith("config."):
            check_key(name.removeprefix("config."))
    with _in_one_line():
        return values(list(command_line))[1:]


def told(values: flags.FlagValues) -> Config:
    """The settings of the flags that were parsed. Raises InputError."""
    if values.config is None:
        raise InputError("--config FILE[:VARIANT] is missing, e.g. --config akd:digits")
    with _in_one_line():
        return from_dict(values.config.to_dict())


def config_of(arguments: Sequence[str]) -> Config:
    """The settings of --config and --config.KEY=VALUE alone. Raises InputError."""
    values, command_line = flags.FlagValues(), ["", *arguments]
    define(values, command_line)
    parse(values, command_line)
    return told(values)


@contextlib.contextmanager
def _in_one_line() -> Iterator[None]:
    """Whatever settings are refused with becomes an InputError."""
    try:
        yield
    except InputError:
        raise
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{error}" or repr(error)) from error
