"""Settings as nested plain values, as config files, command lines and config.json hold them; and their comparison."""

import copy
import dataclasses
import difflib
import typing
from collections.abc import Mapping
from typing import Any

from akd_jax.config import Config, ConfigError


def from_dict(values: Mapping[str, Any], kind: type = Config, prefix: str = "") -> Any:
    """Nested plain values -> a checked `kind`. Raises ConfigError with the key's full name and what it may be."""
    hints = typing.get_type_hints(kind)
    for key in values:
        _check_known(key, hints, prefix)
    for spec in dataclasses.fields(kind):
        if spec.default is spec.default_factory is dataclasses.MISSING and spec.name not in values:
            raise ConfigError(f"{prefix}{spec.name}: missing")
    converted = {key: _convert(value, hints[key], prefix + key) for key, value in values.items()}
    try:
        return kind(**converted)
    except ConfigError as error:
        raise ConfigError(prefix + str(error)) from None


def check_key(key: str, kind: type = Config) -> None:
    """Raises ConfigError where no setting has this full name, such as schedule.epochs."""
    prefix = ""
    for part in key.split("."):
        hints = typing.get_type_hints(kind) if dataclasses.is_dataclass(kind) else {}
        _check_known(part, hints, prefix)
        kind, prefix = hints[part], f"{prefix}{part}."


def _check_known(key: str, hints: Mapping[str, Any], prefix: str) -> None:
    if key not in hints:
        close = difflib.get_close_matches(key, hints, 1)
        raise ConfigError(f"{prefix}{key}: no such setting" + (f"; did you mean {prefix}{close[0]}?" if close else ""))


def _convert(value: Any, hint: Any, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key}={value!r}: must be a group of settings")
        return from_dict(value, hint, key + ".")
    if typing.get_origin(hint) is tuple:
        items = [value] if isinstance(value, str) or not isinstance(value, (tuple, list)) else value
        return tuple(_convert(item, typing.get_args(hint)[0], key) for item in items)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{key}={value!r}: must be a {hint.__name__}")
    return value


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every default written out, so that a command line can change each."""
    return dataclasses.asdict(from_dict(values))


def to_dict(config: Config) -> dict[str, Any]:
    """The settings as nested plain values, as config.json holds them (tuples as lists)."""
    plain = lambda value: list(value) if isinstance(value, tuple) else value  # noqa: E731
    return dataclasses.asdict(config, dict_factory=lambda items: {key: plain(value) for key, value in items})


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested plain values -> {full key: value}."""
    found = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """{full key: (old, new)} wherever two `to_dict` results differ."""
    before, after = flat(old), flat(new)
    pairs = {key: (before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())}
    return {key: (was, now) for key, (was, now) in pairs.items() if was != now}


def with_numbers(config: Any, numbers: Mapping[str, Any]) -> Any:
    """The settings with these numbers, by full key, which are not checked: they may be traced."""
    changed = copy.copy(config)
    for key, number in numbers.items():
        name, _, rest = key.partition(".")
        value = with_numbers(getattr(changed, name), {rest: number}) if rest else number
        object.__setattr__(changed, name, value)  # frozen, as it is again when it is returned
    return changed
