"""A sweep: the same game with several seeds, and with several numbers that change no shape."""

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from akd_jax.config import Config, ConfigError
from akd_jax.config_dict import from_dict, to_dict
from akd_jax.families import draws, family_of
from akd_jax.objectives import TEMPERED


def _always(config: Config) -> bool:
    return True


def _has(group: str) -> Callable[[Config], bool]:
    """Whether the method's own settings are these."""
    return lambda config: family_of(config).group == group


_plays, _learns = _has("adversarial"), _has("supervised")

SWEEPABLE: dict[str, Callable[[Config], bool]] = {
    "student_optimizer.learning_rate": _always,
    "student_optimizer.final": lambda config: config.student_optimizer.schedule == "cosine",
    "student_optimizer.momentum": _always,
    "student_optimizer.weight_decay": _always,
    "generator_optimizer.learning_rate": draws,
    "generator_optimizer.final": lambda config: draws(config) and config.generator_optimizer.schedule == "cosine",
    "generator_optimizer.beta1": draws,
    "generator_optimizer.beta2": draws,
    "adversarial.temperature": lambda config: _plays(config) and config.adversarial.objective in TEMPERED,
    "adversarial.diversity_weight": _plays,
    "supervised.label_smoothing": _learns,
    "supervised.distillation": _learns,
    "supervised.temperature": lambda config: _learns(config) and config.supervised.distillation > 0,
}
"""What one program can take as an input -> whether these settings have a use for it. Others are part of the program, or
of what is measured.
"""

TERMS = ("adversarial.diversity_weight", "supervised.distillation")  # whose weight 0 leaves them out of the program

LONGEST_NAME = 255  # of a directory, on the usual file systems


class Member(NamedTuple):
    """name: of its directory in the sweep's. settings: full key -> its number of those that are swept. config: its own,
    that of an ordinary run.
    """

    name: str
    settings: Mapping[str, float]
    config: Config


def is_sweep(config: Config) -> bool:
    return config.num_seeds > 1 or bool(config.sweep)


def members_of(config: Config) -> list[Member]:
    """Every combination of the swept settings with every seed, the seeds of one combination side by side.

    A run by itself is its only member, without a name. Raises ConfigError for what cannot be swept, and for settings
    that no sweep can be played with.
    """
    if not is_sweep(config):
        return [Member("", {}, config)]
    _check_playable(config)
    axes: dict[str, tuple[float, ...]] = {}
    for text in config.sweep:
        key, numbers = _axis(text)
        if key in axes:
            raise ConfigError(f"sweep: {key} is given twice: give all its numbers at once")
        axes[key] = numbers
    found = []
    for numbers in itertools.product(*axes.values()):
        settings = dict(zip(axes, numbers, strict=True))
        for seed in range(config.seed, config.seed + config.num_seeds):
            name = ",".join([*(f"{key}={number!r}" for key, number in settings.items()), f"seed_{seed}"])
            if len(name) > LONGEST_NAME:
                raise ConfigError(
                    f"sweep: fewer settings at once, for each member has a directory whose name has all of them, and "
                    f"{len(name)} characters are too many"
                )
            found.append(Member(name, settings, _config_of(config, settings, seed)))
    for key in axes:
        if not SWEEPABLE[key](found[0].config):
            raise ConfigError(f"sweep: {key} has no part in {config.name}, as it is set")
    return found


def _check_playable(config: Config) -> None:
    """Members are played in step, so none may end before the others; and by one device."""
    for key, value, wanted, since in (
        ("schedule.patience", config.schedule.patience, 0, "whose members are played in step"),
        ("collapse.stop", config.collapse.stop, False, "whose members are played in step"),
        ("debug_nans", config.debug_nans, False, "whose members are played in step"),
        ("mesh.data", config.mesh.data, 1, "which one device plays"),
    ):
        if value != wanted:
            raise ConfigError(f"{key}={value!r}: must be {str(wanted).lower()} in a sweep, {since}")


def _axis(text: str) -> tuple[str, tuple[float, ...]]:
    """ "adversarial.temperature=2,4" -> (the key, its numbers)."""
    key, _, values = text.partition("=")
    if key not in SWEEPABLE:
        raise ConfigError(f"sweep={text!r}: {key} cannot be swept; what can be: {', '.join(SWEEPABLE)}")
    try:
        numbers = tuple(float(value) for value in values.split(","))
    except ValueError:
        raise ConfigError(f"sweep={text!r}: must be {key}=NUMBER,NUMBER,...") from None
    if key in TERMS and 0 in numbers:
        raise ConfigError(f"sweep={text!r}: 0 leaves the term out, which is another program: play it by itself")
    if len(set(numbers)) < len(numbers):
        raise ConfigError(f"sweep={text!r}: must have each number once")
    return key, numbers


def _config_of(config: Config, settings: Mapping[str, float], seed: int) -> Config:
    """Named after its settings, so that only seeds of the same are taken together later."""
    named = "".join(f", {key}={number!r}" for key, number in settings.items())
    values = to_dict(config) | {"name": config.name + named, "seed": seed, "num_seeds": 1, "sweep": ()}
    for key, number in settings.items():
        group, name = key.split(".")
        values[group][name] = number
    return from_dict(values)
