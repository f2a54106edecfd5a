"""Fast-Datafree in PyTorch, written from its description: as published, tuned, and compiled.

Source: Fang et al. 2022, arXiv:2112.06253, algorithm 1 with first-order gradients, and the terms of CMI
(arXiv:2105.08584). Tensors are channels-first, [B, C, H, W]. Drawn numbers are arguments, so that a round can be played
anew with others' numbers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class View(NamedTuple):
    """How a batch is looked at: corners [B, 2] of the crops of bordered images; which images are mirrored, [B] bool."""

    corners: Tensor
    mirrored: Tensor


class Synthesis(NamedTuple):
    """What one draws: latents [B, Z], labels [B], and a view for each of its steps."""

    latents: Tensor
    labels: Tensor
    views: Sequence[View]


class Lesson(NamedTuple):
    """What a student step draws: the places [B] of its images in the bank, and how it looks at them."""

    chosen: Tensor
    view: View


@dataclass
class Players:
    """Who plays, and what they keep.

    copy_rate, latents_rate, betas: of the Adam that moves the generator's copy and the latents of one synthesis.
    weights: of batch-norm statistics, labels, and disagreement. memory: share of earlier batches in the statistics.
    mean, std: [C, 1, 1], with which networks' images are normalised. border: of zeros, before images are cropped.
    channels_last, frozen: as of `torch_game.Players`; what does not move in a synthesis is spared its gradients.
    bank: uint8 [capacity, C, H, W], of which `kept` images were put there so far, the oldest giving way.
    statistics: of the teacher's batch norms, (mean, variance) of each, so far.
    """

    teacher: nn.Module
    student: nn.Module
    generator: nn.Module
    student_optimizer: torch.optim.Optimizer
    generator_optimizer: torch.optim.Optimizer
    copy_rate: float
    latents_rate: float
    betas: tuple[float, float]
    weights: tuple[float, float, float]
    memory: float
    temperature: float
    mean: Tensor
    std: Tensor
    border: int
    listener: "Listener"
    bank: Tensor
    kept: int = 0
    channels_last: bool = False
    frozen: bool = False
    statistics: list[tuple[Tensor, Tensor]] = field(default_factory=list)


class Listener:
    """Notes (mean, biased variance) of what comes into each batch norm of a network, while it listens."""

    def __init__(self, network: nn.Module):
        self.norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        self.listens, self.heard = False, []
        for norm in self.norms:
            norm.register_forward_hook(self._hear)

    def _hear(self, norm: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        if self.listens:
            self.heard.append((inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3), unbiased=False)))

    def during(self, network: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """(what the network says, what was heard meanwhile)."""
        self.listens, self.heard = True, []
        said = network(images)
        self.listens = False
        return said, self.heard


def tuned(players: Players) -> Players:
    """Memory in the order that oneDNN is fastest with, no gradients for those who stand still; nothing else."""
    for module in (players.teacher, players.student, players.generator):
        module.to(memory_format=torch.channels_last)
    players.teacher.requires_grad_(False)
    players.channels_last = players.frozen = True
    return players


def compiled(players: Players) -> Players:
    """Tuned, and each network through torch.compile."""
    ready = tuned(players)
    ready.teacher, ready.student, ready.generator = (
        torch.compile(network) for network in (ready.teacher, ready.student, ready.generator)
    )
    return ready


VARIANTS: dict[str, Callable[[Players], Players]] = {
    "torch": lambda players: players,
    "torch_tuned": tuned,
    "torch_compiled": compiled,
}
"""Name -> what is done to players as published."""


def synthesis(players: Players, drawn: Synthesis) -> float:
    """A synthesis; its steps' mean loss. The bank has its best batch, the generator has moved, and its statistics."""
    players.student.eval().requires_grad_(not players.frozen)
    moving = list(players.generator.parameters())
    before = [parameter.detach().clone() for parameter in moving]
    total = [torch.zeros_like(parameter) for parameter in moving]
    latents = drawn.latents.clone().requires_grad_()
    adam = torch.optim.Adam(
        [{"params": moving, "lr": players.copy_rate}, {"params": [latents], "lr": players.latents_rate}],
        betas=players.betas,
    )
    losses, best, heard = [], None, []
    for view in drawn.views:
        images = players.generator(latents)
        loss, heard = _loss(players, _seen(players, images, view), drawn.labels)
        losses.append(loss.item())
        if losses[-1] == min(losses):
            best = images.detach()
        adam.zero_grad()
        loss.backward()
        for gradient, parameter in zip(total, moving, strict=True):
            gradient += parameter.grad
        adam.step()
    with torch.no_grad():
        for parameter, old, gradient in zip(moving, before, total, strict=True):
            parameter.copy_(old)
            parameter.grad = gradient
    players.generator_optimizer.step()
    players.statistics = _blended(players, heard)
    places = (players.kept + torch.arange(len(best))) % len(players.bank)
    players.bank[places] = (best * 255).round().clamp(0, 255).to(torch.uint8)
    players.kept += len(best)
    players.student.train().requires_grad_(True)
    return sum(losses) / len(losses)


def student_step(players: Players, drawn: Lesson) -> float:
    """The student's step on images of the bank; its loss."""
    images = _seen(players, players.bank[drawn.chosen].to(players.mean.dtype) / 255, drawn.view)
    with torch.no_grad():
        wanted = players.teacher(images)
    temperature = players.temperature
    loss = temperature**2 * _kl(wanted / temperature, players.student(images) / temperature).mean()
    players.student_optimizer.zero_grad()
    loss.backward()
    players.student_optimizer.step()
    return loss.item()


def play_round(players: Players, drawn: Synthesis, lessons: Iterable[Lesson]) -> tuple[list[float], float]:
    """A synthesis, then a student step for each lesson; (the losses of these, that of the synthesis)."""
    of_generator = synthesis(players, drawn)
    return [student_step(players, lesson) for lesson in lessons], of_generator


def _loss(players: Players, images: Tensor, labels: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """(what a synthesis minimises, the statistics of these images)."""
    said, heard = players.listener.during(players.teacher, images)
    answer = players.student(images)
    apart = [
        (mean - norm.running_mean).norm() + (variance - norm.running_var).norm()
        for (mean, variance), norm in zip(_blended(players, heard, detached=False), players.listener.norms, strict=True)
    ]
    agreed = said.argmax(1) == answer.argmax(1)
    terms = sum(apart), F.cross_entropy(said, labels), -(agreed * _kl(said, answer)).mean()
    return sum(weight * term for weight, term in zip(players.weights, terms, strict=True)), heard


def _blended(
    players: Players, heard: list[tuple[Tensor, Tensor]], *, detached: bool = True
) -> list[tuple[Tensor, Tensor]]:
    """Statistics, of which a share is the average of earlier batches where there are any."""
    heard = [tuple(each.detach() if detached else each for each in pair) for pair in heard]
    if not players.statistics:
        return heard
    share = players.memory
    return [
        tuple((1 - share) * new + share * old for new, old in zip(now, before, strict=True))
        for now, before in zip(heard, players.statistics, strict=True)
    ]


def _kl(wanted: Tensor, found: Tensor) -> Tensor:
    """[B]: KL(softmax(wanted) || softmax(found)) of logits [B, classes]."""
    return F.kl_div(found.log_softmax(1), wanted.log_softmax(1), reduction="none", log_target=True).sum(1)


def _seen(players: Players, images: Tensor, view: View) -> Tensor:
    """Images in 0..1, cropped, mirrored and normalised, as networks want them."""
    height, width = images.shape[2:]
    bordered = F.pad(images, [players.border] * 4)
    rows, columns = (view.corners[:, axis, None] + torch.arange(length) for axis, length in enumerate((height, width)))
    columns = torch.where(view.mirrored[:, None], columns.flip(1), columns)
    place = torch.arange(len(images))[:, None, None]
    cropped = bordered.permute(0, 2, 3, 1)[place, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    seen = (cropped - players.mean) / players.std
    return seen.contiguous(memory_format=torch.channels_last) if players.channels_last else seen.contiguous()
