"""What is timed of the game in PyTorch."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from akd_jax.config import Config
from akd_jax.convert.layouts import shapes_of
from akd_jax.torch_networks import network_of
from benchmarks.games import EVALUATED, EVALUATION_BATCH, ROUNDS, SAMPLED, has_bank, times
from benchmarks.torch_game import Players
from benchmarks.torch_sides import SIDES, Side


def losses(variant: str, config: Config, start: Path) -> list[float]:
    """Of rounds on draws.npz, in float64: each's student steps' mean and generator step's.

    Of the compiled variant before it is compiled.
    """
    side, players = load(variant.replace("_compiled", "_tuned"), config, start, torch.float64)
    drawn = {name: torch.tensor(values) for name, values in np.load(start / "draws.npz").items()}
    found = []
    for number in range(ROUNDS):
        of_student, of_generator = side.replay(players, {name: values[number] for name, values in drawn.items()})
        found += [sum(of_student) / len(of_student), of_generator]
    return found


def load(variant: str, config: Config, start: Path, dtype: torch.dtype = torch.float32) -> tuple[Side, Any]:
    """(the game, its players with the weights of `start`)."""
    networks = [
        network_of(dict(np.load(start / f"{name}.npz"))).to(dtype) for name in ("teacher", "student", "generator")
    ]
    side = SIDES[has_bank(config)]
    return side, side.variants[variant](side.players(networks, config))


def phases(variant: str, config: Config, start: Path) -> dict[str, Callable[[], Callable[[], object]]]:
    """Name -> makes what is timed; the first play may compile. A play is as many of the phase as `games.times` says."""
    side, players = load(variant, config, start)
    moves = side.moves(players, config)
    plays = {name: partial(_repeated, move, times(config)[name]) for name, move in moves.items()}
    if not has_bank(config):
        plays |= {
            "evaluation": partial(_evaluate, players, config.image_size, _channels(start)),
            "sampling": partial(_sample, players, config.generator.latents),
            "conversion": partial(_read_teacher, start),
        }
    return {name: lambda play=play: play for name, play in plays.items()}


def _repeated(move: Callable[[], object], count: int) -> None:
    for _ in range(count):
        move()


def _channels(start: Path) -> int:
    return np.load(start / "generator.npz")["conv_blocks2.3.weight"].shape[0]


@torch.no_grad()
def _evaluate(players: Players, size: int, channels: int) -> None:
    """The share of images whose class is 0, of uint8 pixels."""
    players.student.eval()
    pixels = torch.zeros(EVALUATED, channels, size, size, dtype=torch.uint8)
    right = 0
    for batch in pixels.split(EVALUATION_BATCH):
        images = (batch.float() / 255 - 0.5) / 0.25
        if players.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        right += int((players.student(images).argmax(1) == 0).sum())
    players.student.train()


@torch.no_grad()
def _sample(players: Players, latents: int) -> None:
    players.generator.eval()
    players.generator(torch.randn(SAMPLED, latents))
    players.generator.train()


def _read_teacher(start: Path) -> None:
    """What a user of PyTorch does instead of converting: read the file into a network."""
    state_dict = torch.load(start / "teacher.pth", weights_only=True)
    shapes_of(state_dict)
    network_of({name: value.numpy() for name, value in state_dict.items()})
