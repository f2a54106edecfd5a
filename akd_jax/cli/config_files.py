"""The --config flag's value: a file's path, or the name of a config that ships with the package."""

import runpy
from pathlib import Path

from ml_collections import ConfigDict
from ml_collections.config_flags.config_flags import ConfigFileFlagParser

from akd_jax.errors import InputError

PACKAGE = Path(__file__).parents[1]


class ConfigParser(ConfigFileFlagParser):
    """Reads FILE[:VARIANT] and NAME[:VARIANT]."""

    def parse(self, path: str) -> ConfigDict:
        """Raises InputError for a variant that is not in the file's table VARIANTS, and says which are."""
        located = locate(path)
        try:
            return super().parse(located)
        except KeyError:
            known = runpy.run_path(located.partition(":")[0]).get("VARIANTS", {})
            name, _, variant = path.partition(":")
            if not known or variant in known:  # a file without a table, or another key that is missing
                raise
            wanted = ", ".join(f"{name}:{other}" if other else name for other in known)
            raise InputError(f"no such variant; give one of {wanted}") from None


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
