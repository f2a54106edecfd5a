"""What is timed of the game in PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from akd_jax.config import Config
from akd_jax.convert.layouts import shapes_of
from akd_jax.torch_networks import network_of
from benchmarks import torch_bank_game, torch_game
from benchmarks.games import (
    EVALUATED,
    EVALUATION_BATCH,
    ROUNDS,
    SAMPLED,
    has_bank,
    student_steps,
    task_of,
    teacher_size,
    times,
)
from benchmarks.torch_game import Players


class Side(NamedTuple):
    """A game in PyTorch.

    players: (networks, config) -> as published. variants: name -> what is done to them. moves: (players, config) ->
    phase -> plays it once, with numbers of its own. replay: (players, what one round draws) -> the losses of its
    student steps, and of its generator's.
    """

    players: Callable[..., Any]
    variants: Mapping[str, Callable[[Any], Any]]
    moves: Callable[[Any, Config], dict[str, Callable[[], object]]]
    replay: Callable[[Any, Mapping[str, torch.Tensor]], tuple[list[float], float]]


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
    return side, side.variants[variant](side.players(networks, config, dtype))


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


def _players(networks: Sequence[nn.Module], config: Config, dtype: torch.dtype) -> torch_game.Players:
    sgd, adam = config.student_optimizer, config.generator_optimizer
    return torch_game.players(
        *networks,
        teacher_size=teacher_size(config),
        student_lr=sgd.learning_rate,
        momentum=sgd.momentum,
        weight_decay=sgd.weight_decay,
        generator_lr=adam.learning_rate,
    )


def _moves(players: torch_game.Players, config: Config) -> dict[str, Callable[[], object]]:
    def latents(count: int) -> torch.Tensor:
        return torch.randn(count, config.batch_size, config.generator.latents)

    return {
        "student_step": lambda: torch_game.student_step(players, *latents(1)),
        "generator_step": lambda: torch_game.generator_step(players, *latents(1)),
        "round": lambda: torch_game.play_round(players, latents(student_steps(config) + 1)),
    }


def _players_with_bank(networks: Sequence[nn.Module], config: Config, dtype: torch.dtype) -> torch_bank_game.Players:
    teacher, student, generator = networks
    sgd, adam, own, task = config.student_optimizer, config.generator_optimizer, config.fast, task_of(config)
    betas = adam.beta1, adam.beta2
    shape = (own.bank_capacity, len(task.mean), config.image_size, config.image_size)
    return torch_bank_game.Players(
        teacher.eval(),
        student.train(),
        generator.train(),
        torch.optim.SGD(
            student.parameters(),
            sgd.learning_rate,
            momentum=sgd.momentum,
            weight_decay=sgd.weight_decay,
            nesterov=sgd.nesterov,
        ),
        torch.optim.Adam(generator.parameters(), own.synthesis_steps * adam.learning_rate, betas=betas),
        copy_rate=adam.learning_rate,
        latents_rate=own.latents_rate,
        betas=betas,
        weights=(own.batch_norm_weight, own.one_hot_weight, own.adversarial_weight),
        memory=own.batch_norm_memory,
        temperature=own.temperature,
        # Rounded to float32, as ours are.
        mean=torch.tensor(task.mean).to(dtype)[:, None, None],
        std=torch.tensor(task.std).to(dtype)[:, None, None],
        border=own.crop,
        listener=torch_bank_game.Listener(teacher),
        bank=torch.zeros(shape, dtype=torch.uint8),
    )


def _moves_with_bank(players: torch_bank_game.Players, config: Config) -> dict[str, Callable[[], object]]:
    own, size, classes = config.fast, config.batch_size, task_of(config).classes

    def view() -> torch_bank_game.View:
        mirrored = torch.rand(size) < (0.5 if own.flip else 0.0)
        return torch_bank_game.View(torch.randint(2 * own.crop + 1, (size, 2)), mirrored)

    def synthesis() -> torch_bank_game.Synthesis:
        return torch_bank_game.Synthesis(
            torch.randn(size, config.generator.latents),
            torch.randint(classes, (size,)),
            [view() for _ in range(own.synthesis_steps)],
        )

    def student_step() -> None:
        there = min(max(players.kept, 1), own.bank_capacity)
        torch_bank_game.student_step(players, torch_bank_game.Lesson(torch.randint(there, (size,)), view()))

    def play_round() -> None:
        torch_bank_game.synthesis(players, synthesis())
        for _ in range(own.student_steps):
            student_step()

    return {
        "student_step": student_step,
        "generator_step": lambda: torch_bank_game.synthesis(players, synthesis()),
        "round": play_round,
    }


def _replay_with_bank(players: torch_bank_game.Players, drawn: Mapping[str, torch.Tensor]) -> tuple[list[float], float]:
    views = map(torch_bank_game.View, drawn["corners"], drawn["mirrored"])
    looks = map(torch_bank_game.View, drawn["student_corners"], drawn["student_mirrored"])
    return torch_bank_game.play_round(
        players,
        torch_bank_game.Synthesis(drawn["latents"], drawn["labels"], list(views)),
        list(map(torch_bank_game.Lesson, drawn["chosen"], looks)),
    )


SIDES = {
    False: Side(
        _players, torch_game.VARIANTS, _moves, lambda players, drawn: torch_game.play_round(players, drawn["latents"])
    ),
    True: Side(_players_with_bank, torch_bank_game.VARIANTS, _moves_with_bank, _replay_with_bank),
}
"""Whether a game has a bank -> that game."""


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
