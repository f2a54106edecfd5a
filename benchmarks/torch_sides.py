"""The games in PyTorch from configs: who plays, with which numbers of their own, or with those that ours drew."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from akd_jax.config import Config
from benchmarks import torch_bank_game, torch_game
from benchmarks.games import student_steps, task_of, teacher_size


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


def _players(networks: Sequence[nn.Module], config: Config) -> torch_game.Players:
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


def _players_with_bank(networks: Sequence[nn.Module], config: Config) -> torch_bank_game.Players:
    teacher, student, generator = networks
    sgd, adam, own, task = config.student_optimizer, config.generator_optimizer, config.fast, task_of(config)
    betas = adam.beta1, adam.beta2
    dtype = next(student.parameters()).dtype
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

    def lesson() -> torch_bank_game.Lesson:
        there = min(max(players.kept, 1), own.bank_capacity)
        return torch_bank_game.Lesson(torch.randint(there, (size,)), view())

    def lessons() -> Iterator[torch_bank_game.Lesson]:
        return (lesson() for _ in range(own.student_steps))  # each of the bank as it then is

    return {
        "student_step": lambda: torch_bank_game.student_step(players, lesson()),
        "generator_step": lambda: torch_bank_game.synthesis(players, synthesis()),
        "round": lambda: torch_bank_game.play_round(players, synthesis(), lessons()),
    }


def _replay_with_bank(players: torch_bank_game.Players, drawn: Mapping[str, torch.Tensor]) -> tuple[list[float], float]:
    views = map(torch_bank_game.View, drawn["corners"], drawn["mirrored"])
    looks = map(torch_bank_game.View, drawn["student_corners"], drawn["student_mirrored"])
    return torch_bank_game.play_round(
        players,
        torch_bank_game.Synthesis(drawn["latents"], drawn["labels"], list(views)),
        map(torch_bank_game.Lesson, drawn["chosen"], looks),
    )


SIDES = {
    False: Side(
        _players, torch_game.VARIANTS, _moves, lambda players, drawn: torch_game.play_round(players, drawn["latents"])
    ),
    True: Side(_players_with_bank, torch_bank_game.VARIANTS, _moves_with_bank, _replay_with_bank),
}
"""Whether a game has a bank -> that game."""
