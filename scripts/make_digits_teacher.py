"""Trains the small digits teacher in PyTorch and saves its state dict (.pth), its figures beside it (.json).

In PyTorch, as users' teachers are: what the quick start converts is not of this package's making.

    PYTHONPATH=. python scripts/make_digits_teacher.py [--out akd_jax/assets/digits_teacher.pth]

The teacher is the ResNet-18 of akd_jax/torch_networks at an eighth of its width, on [B, 1, 16, 16] images
normalised by `akd_jax.digits.normalise`. It sees the train part only; the recipe below was chosen by the
validation part among some dozen (SGD or AdamW, with or without mixup and label smoothing, stronger or weaker
augmentation), the strong mixup and the random backgrounds by how reliably data-free students reach the teacher on
the validation part (without them it takes luck: 74 to 98 %, by seed). The test part is read once, after training.
"""

import argparse
import importlib.metadata
import json
import math
import shlex
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from akd_jax.digits import MEAN, STD, load_digits_split, normalise
from akd_jax.torch_networks import ResNet

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = {
    "stage_sizes": (2, 2, 2, 2),
    "stage_widths": (8, 16, 32, 64),
    "num_classes": 10,
    "stem": "cifar",
    "names": "torchvision",
    "in_channels": 1,
}
BATCH, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 50, 0.1, 0.9, 5e-4
WARM_UP = 0.15  # share of all steps in which the learning rate rises, before its cosine decay
MIXUP = 1.0  # both parameters of the Beta distribution, Zhang et al. 2018, arXiv:1710.09412
# Half-ranges of the uniform augmentation: degrees, relative size, shear, and shift in units of half the
# image's side (3/16: 1.5 pixels).
ROTATION, SCALE, SHEAR, SHIFT = 12, 0.1, 0.1, 3 / 16
BACKGROUND = -MEAN / STD  # a black pixel, normalised


def tensors(split):
    """(float32 [N, 1, 16, 16], int64 [N])."""
    images, labels = load_digits_split(split)
    images = torch.from_numpy(normalise(images)).permute(0, 3, 1, 2).contiguous()
    return images, torch.from_numpy(labels).long()


def augment(images):
    """A random affine map, then for half of the images a random background: [B, 1, H, W] -> the same shape."""

    def uniform(half_range):
        return (2 * torch.rand(len(images)) - 1) * half_range

    angle, size = uniform(math.radians(ROTATION)), 1 + uniform(SCALE)
    cos, sin = size * angle.cos(), size * angle.sin()
    maps = torch.stack([cos, uniform(SHEAR) - sin, uniform(SHIFT), sin, cos, uniform(SHIFT)], 1)
    grid = F.affine_grid(maps.view(-1, 2, 3), list(images.shape), align_corners=False)
    moved = F.grid_sample(images - BACKGROUND, grid, align_corners=False) + BACKGROUND  # black comes in from outside
    share = torch.rand(len(images), 1, 1, 1) * (torch.rand(len(images), 1, 1, 1) < 0.5)
    return moved + share * clouds(len(images))


def clouds(count):
    """Gaussian noise at three scales, [count, 1, 16, 16]: what a generator may draw and no digit looks like.

    A teacher that never saw anything but black around its digits answers an arbitrary image with a few favourite
    classes, and what it hardly ever answers a student hardly ever learns.
    """
    return sum(
        F.interpolate(torch.randn(count, 1, side, side), size=16, mode="bilinear", align_corners=False)
        * torch.rand(count, 1, 1, 1)
        for side in (2, 4, 8)
    )


def train(teacher, images, labels, epochs):
    optimizer = torch.optim.SGD(
        teacher.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        LEARNING_RATE,
        total_steps=epochs * math.ceil(len(images) / BATCH),
        pct_start=WARM_UP,
        cycle_momentum=False,
    )
    teacher.train()
    for epoch in range(epochs):
        for chosen in torch.randperm(len(images)).split(BATCH):
            x, y = augment(images[chosen]), labels[chosen]
            share, other = np.random.beta(MIXUP, MIXUP), torch.randperm(len(y))
            logits = teacher(share * x + (1 - share) * x[other])
            loss = share * F.cross_entropy(logits, y) + (1 - share) * F.cross_entropy(logits, y[other])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: last batch's loss {loss.item():.4f}", flush=True)


@torch.no_grad()
def top1(teacher, split):
    """Share of `split` classified correctly, 0..1."""
    images, labels = tensors(split)
    return (teacher.eval()(images).argmax(1) == labels).double().mean().item()


def main():
    parser = argparse.ArgumentParser(description="Train the digits teacher.")
    parser.add_argument("--out", type=Path, default=ROOT / "akd_jax" / "assets" / "digits_teacher.pth")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)

    # The layout decides the order of the sums, hence the last bits: the stored weights came out of this one.
    teacher = ResNet(**ARCHITECTURE).to(memory_format=torch.channels_last)
    train(teacher, *tensors("train"), args.epochs)
    figures = {}
    for split in ("train", "validation", "test"):
        figures[split] = top1(teacher, split)
        print(f"{split} top-1: {100 * figures[split]:.2f} %", flush=True)

    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: value.contiguous() for name, value in teacher.state_dict().items()}, args.out)
    record = {
        "command": shlex.join(["python", "scripts/make_digits_teacher.py", *sys.argv[1:]]),
        "seed": args.seed,
        "epochs": args.epochs,
        "architecture": ARCHITECTURE,
        "parameters": sum(p.numel() for p in teacher.parameters()),
        "versions": {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "numpy": np.__version__,
            "scikit-learn": importlib.metadata.version("scikit-learn"),
            "pillow": importlib.metadata.version("pillow"),
        },
        "top1": figures,
    }
    args.out.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
