"""One round of the game in PyTorch, written from its description, for the parity tests.

Source: Fang et al. 2019, arXiv:1912.11006, algorithm 1. Tensors are channels-first, [B, C, H, W].
"""

import torch
import torch.nn.functional as F


def optimizers(student, generator, *, student_lr=0.01, momentum=0.9, weight_decay=5e-4, generator_lr=1e-3):
    """(SGD for the student, Adam for the generator)."""
    return (
        torch.optim.SGD(student.parameters(), student_lr, momentum=momentum, weight_decay=weight_decay),
        torch.optim.Adam(generator.parameters(), generator_lr),
    )


def play_round(teacher, student, generator, student_optimizer, generator_optimizer, latents, *, teacher_size=None):
    """One round: a student step on each of latents[:-1], then a generator step on latents[-1].

    latents: [k + 1, B, Z]. teacher_size: side in pixels, or (height, width), to which the teacher's input is
    enlarged bilinearly with align_corners=True. Returns (k student losses, generator loss) as floats; the
    generator's is minus the discrepancy. The running statistics of the student move in the generator step
    too, and the generator's in all k + 1 forward passes, because both players stay in training mode.
    """
    teacher.eval(), student.train(), generator.train()

    def discrepancy(images):
        enlarged = images
        if teacher_size is not None:
            enlarged = F.interpolate(images, size=teacher_size, mode="bilinear", align_corners=True)
        return (student(images) - teacher(enlarged)).abs().mean()

    def step(optimizer, loss):
        optimizer.zero_grad()  # also drops what the other player's backward pass left in these parameters
        loss.backward()
        optimizer.step()
        return loss.item()

    student_losses = [step(student_optimizer, discrepancy(generator(z).detach())) for z in latents[:-1]]
    return student_losses, step(generator_optimizer, -discrepancy(generator(latents[-1])))
