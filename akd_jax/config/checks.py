"""What settings may be, and the one line that says so."""

import math
from typing import Any

from akd_jax.errors import InputError


class ConfigError(InputError):
    """A setting that cannot be used; one line that names its key and what it may be."""


def check(key: str, value: Any, allowed: bool, wanted: str) -> None:
    if not allowed:
        raise ConfigError(f"{key}={value!r}: must be {wanted}")


def check_finite(config: Any, low: float, *keys: str) -> None:
    for key in keys:
        value = getattr(config, key)
        check(key, value, math.isfinite(value) and value >= low, f"a finite number, at least {low:g}")


def check_counts(config: Any, *keys: str) -> None:
    for key in keys:
        check(key, getattr(config, key), getattr(config, key) >= 1, "a whole number, at least 1")


def check_shares(config: Any, *keys: str) -> None:
    for key in keys:
        check(key, getattr(config, key), 0 <= getattr(config, key) <= 1, "in [0, 1]")


def check_crop(config: Any) -> None:
    """Raises ConfigError unless config.crop is a number of pixels."""
    check("crop", config.crop, config.crop >= 0, "a whole number of pixels, at least 0")


def check_temperature(config: Any) -> None:
    """Raises ConfigError unless config.temperature is one of logits."""
    check("temperature", config.temperature, 0 < config.temperature < math.inf, "a finite number above 0")
