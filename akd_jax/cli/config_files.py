"""The --config flag's value: a file's path, or the name of a config that ships with the package."""

import runpy
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_flags.config_flags import ConfigFileFlagParser

from akd_jax.errors import InputError

PACKAGE = Path(__file__).parents[1]
WANTED = "a config is a Python file with a function get_config(variant) that returns a ConfigDict"


class ConfigParser(ConfigFileFlagParser):
    """Reads FILE[:VARIANT] and NAME[:VARIANT]."""

    def parse(self, path: str) -> ConfigDict:
        """Raises InputError for a file that gives no config, and for a variant that is not in its table VARIANTS."""
        file, colon, variant = locate(path).partition(":")
        name = path.partition(":")[0]
        variants: dict[str, Any] = {}
        try:
            config_file = runpy.run_path(file)
            variants = config_file.get("VARIANTS", {})
            config = config_file["get_config"](*([variant] if colon else []))
        except InputError:
            raise
        except Exception as error:  # a config is a program, and may fail as any does
            if variants and variant not in variants:
                wanted = ", ".join(f"{name}:{other}" if other else name for other in variants)
                raise InputError(f"no such variant; give one of {wanted}") from None
            raise InputError(f"{name} cannot be used ({type(error).__name__}: {error}); {WANTED}") from error
        if not isinstance(config, ConfigDict):
            raise InputError(f"{name} gives no ConfigDict but a {type(config).__name__}; {WANTED}")
        config.lock()
        return config


def shipped() -> dict[str, Path]:
    """Name -> file of the package's own configs."""
    inside = PACKAGE / "configs"  # where a wheel has them; a checkout has them beside the package
    directory = inside if inside.is_dir() else PACKAGE.parent / "configs"
    return {path.stem: path for path in sorted(directory.glob("*.py"))}


def locate(config: str) -> str:
    """PATH[:VARIANT] of `config`: an existing file, or else NAME, NAME.py or configs/NAME.py of a shipped one.

    Raises InputError, which lists the shipped ones.
    """
    file, colon, variant = config.partition(":")
    if Path(file).is_file():
        return config
    name = Path(file).as_posix().removeprefix("configs/").removesuffix(".py")
    if name not in shipped():
        raise InputError(f"no such file; the configs that ship with akd_jax are {', '.join(shipped())}")
    return f"{shipped()[name]}{colon}{variant}"
