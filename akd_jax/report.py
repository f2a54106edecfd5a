"""Pictures of a run: grids of images and curves."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from akd_jax import files, pixels
from akd_jax.metrics import Row


def to_pixels(images: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Normalised float [N, H, W, C] -> uint8: x * std + mean in 0..1, what lies outside is clipped."""
    return np.asarray(pixels.to_pixels(np.asarray(images, np.float32), mean, std))


def tile(pixels: np.ndarray, border: int = 2) -> np.ndarray:
    """uint8 [N, H, W, C] -> one picture [rows, columns, C], as square as N allows, on white."""
    count, height, width, channels = pixels.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + border, width + border, channels), 255, np.uint8)
    cells[:count, :height, :width] = pixels
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return cells.reshape(rows * (height + border), columns * (width + border), channels)[:-border, :-border]


def save_png(path: Path, pixels: np.ndarray, scale: int = 1) -> None:
    """uint8 [H, W, C], C 1 or 3, each pixel `scale` wide."""
    grey = pixels.shape[-1] == 1
    image = Image.fromarray(pixels[..., 0] if grey else pixels)
    picture = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(picture, "PNG")
    files.write_bytes(path, picture.getvalue())


def save_samples(directory: Path, pixels: np.ndarray) -> None:
    """uint8 [N, H, W, C] as grid.png and image_000.png ..., instead of those that an earlier call left there."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("image_[0-9][0-9][0-9]*.png"):
        old.unlink()
    save_png(directory / "grid.png", tile(pixels))
    for index, image in enumerate(pixels):
        save_png(directory / f"image_{index:03d}.png", image)


def save_curves(path: Path, rows: Sequence[Row]) -> None:
    """The players' losses and the students' top-1 over the rounds, from a run's metrics."""
    from matplotlib.figure import Figure  # slow to import, and only this needs it

    figure = Figure((10, 4), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    for key in ("student_loss", "generator_loss"):
        for student in dict.fromkeys(row["student"] for row in rows if key in row):
            points = [(row["round"], row[key]) for row in rows if row.get("student") == student and key in row]
            losses.plot(*zip(*points, strict=True), label=f"{key.replace('_', ' ')}, {student}", linewidth=0.8)
    evaluations = [row for row in rows if row["kind"] == "eval"]
    for student, split in dict.fromkeys((row["student"], row["split"]) for row in evaluations):
        chosen = [row for row in evaluations if (row["student"], row["split"]) == (student, split)]
        points = [(row["round"], 100 * row["top1"]) for row in chosen]
        accuracies.plot(*zip(*points, strict=True), marker=".", label=f"{student}, {split}")
    for axes, title in ((losses, "loss"), (accuracies, "top-1 (%)")):
        axes.set(xlabel="round", title=title)
        if axes.lines:
            axes.legend(fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120, format="png")
    files.write_bytes(path, picture.getvalue())
