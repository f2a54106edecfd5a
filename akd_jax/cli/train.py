"""akd-train: distils a teacher into students without data."""

import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags

from akd_jax import workdir
from akd_jax.cli import config_flag
from akd_jax.cli.config_files import shipped
from akd_jax.cli.exits import ending
from akd_jax.config import Config
from akd_jax.errors import InputError

USAGE = """usage: {program} --config FILE[:VARIANT] [--config.KEY=VALUE ...] [--workdir DIR] [--force] [--dry_run]

Distils the config's teacher into its students without data, e.g. --config akd:digits. FILE is a path, or one of the
configs that ship with akd_jax: {shipped}."""


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, trains and exits."""
    ending(lambda: train_as_told(sys.argv[1:] if arguments is None else arguments, usage=USAGE))


def train_as_told(
    arguments: list[str],
    *,
    usage: str,
    check: Callable[[Config], None] = lambda config: None,
    then: Callable[[Path], None] = lambda directory: None,
) -> None:
    """Trains what the command line says. check: refuses a config; then: what follows in each run's directory at its
    end.

    Raises what `loop.train` raises, and InputError for a command line that cannot be used.
    """
    program = Path(sys.argv[0]).name
    command_line = [program, *arguments]
    values = flags.FlagValues()
    config_flag.define(values, command_line)
    flags.DEFINE_string("workdir", None, "where the run's files are; an existing run goes on", flag_values=values)
    flags.DEFINE_bool("force", False, "go on with a run although settings differ", flag_values=values)
    flags.DEFINE_bool("dry_run", False, "stop before the first round, write nothing", flag_values=values)
    flags.DEFINE_bool("help", False, "show this and stop", short_name="h", flag_values=values)
    extra = config_flag.parse(values, command_line)
    if values.help:
        told = usage.format(program=program, shipped=", ".join(shipped()))
        print(f"{told}\n\n{values.main_module_help() or values.get_help()}")
        return
    if extra:
        raise InputError(f"{extra[0]!r} is not a flag; {program} --help lists them")
    config = config_flag.told(values)
    check(config)
    directory = Path(values.workdir) if values.workdir else workdir.default(config.name)
    if not values.dry_run and not config.mesh.coordinator:  # several processes: the first looks, later
        workdir.check_unused(directory)
    # After the command line is known to be right: importing takes seconds.
    from akd_jax.training.loop import train

    train(config, directory, force=values.force, dry_run=values.dry_run, then=then)
