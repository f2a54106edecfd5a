"""The game in PyTorch, written from its description: as published, tuned, and compiled.

Source: Fang et al. 2019, arXiv:1912.11006, algorithm 1. Tensors are channels-first, [B, C, H, W].
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Players(NamedTuple):
    """Who plays. teacher_size: side in pixels, or (height, width), to which the teacher's input is enlarged, or None.

    channels_last: whether convolutions are given, and give, images in that order of memory.
    frozen: whether what a step does not train is spared its weights' gradients.
    """

    teacher: Callable[[Tensor], Tensor]
    student: nn.Module
    generator: nn.Module
    student_optimizer: torch.optim.Optimizer
    generator_optimizer: torch.optim.Optimizer
    teacher_size: int | tuple[int, int] | None = None
    channels_last: bool = False
    frozen: bool = False


def players(
    teacher: nn.Module,
    student: nn.Module,
    generator: nn.Module,
    *,
    teacher_size: int | tuple[int, int] | None = None,
    student_lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    generator_lr: float = 1e-3,
) -> Players:
    """SGD for the student, Adam for the generator; both networks in training mode throughout, the teacher never."""
    teacher.eval(), student.train(), generator.train()
    return Players(
        teacher,
        student,
        generator,
        torch.optim.SGD(student.parameters(), student_lr, momentum=momentum, weight_decay=weight_decay),
        torch.optim.Adam(generator.parameters(), generator_lr),
        teacher_size,
    )


def tuned(players: Players) -> Players:
    """Memory in the order that oneDNN is fastest with, no gradients for those who stand still; nothing else."""
    for module in (players.teacher, players.student, players.generator):
        module.to(memory_format=torch.channels_last)
    players.teacher.requires_grad_(False)
    return players._replace(channels_last=True, frozen=True)


def compiled(players: Players) -> Players:
    """Tuned, and each network through torch.compile."""
    ready = tuned(players)
    return ready._replace(
        teacher=torch.compile(ready.teacher),
        student=torch.compile(ready.student),
        generator=torch.compile(ready.generator),
    )


VARIANTS: dict[str, Callable[[Players], Players]] = {
    "torch": lambda players: players,
    "torch_tuned": tuned,
    "torch_compiled": compiled,
}
"""Name -> what is done to players as published."""


def student_step(players: Players, latents: Tensor) -> float:
    """The student's step on the images of latents [B, Z]; its loss. The generator's running statistics move."""
    with torch.set_grad_enabled(not players.frozen):
        images = players.generator(latents).detach()
        wanted = players.teacher(_for_teacher(players, images)).detach()
    return _moved(players.student_optimizer, (players.student(_laid_out(players, images)) - wanted).abs().mean())


def generator_step(players: Players, latents: Tensor) -> float:
    """The generator's step; its loss is minus the disagreement. The student's running statistics move.

    As published, the gradients of teacher's and student's weights are computed too, and dropped.
    """
    players.student.requires_grad_(not players.frozen)
    images = players.generator(latents)
    wanted = players.teacher(_for_teacher(players, images))
    loss = -(players.student(_laid_out(players, images)) - wanted).abs().mean()
    value = _moved(players.generator_optimizer, loss)
    players.student.requires_grad_(True)
    return value


def play_round(players: Players, latents: Sequence[Tensor]) -> tuple[list[float], float]:
    """A student step on each of latents[:-1], then a generator step on latents[-1]; their losses."""
    return [student_step(players, z) for z in latents[:-1]], generator_step(players, latents[-1])


def _for_teacher(players: Players, images: Tensor) -> Tensor:
    if players.teacher_size is not None:
        images = F.interpolate(images, size=players.teacher_size, mode="bilinear", align_corners=True)
    return _laid_out(players, images)


def _laid_out(players: Players, images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last) if players.channels_last else images


def _moved(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    optimizer.zero_grad()  # also drops what the other player's backward pass left in these parameters
    loss.backward()
    optimizer.step()
    return loss.item()
