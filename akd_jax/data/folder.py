"""Images of one's own in folders: `<root>/<split>/<class>/*.png`, or `<root>/<class>/*.png`, the split `test`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from akd_jax.data.images import Part, part
from akd_jax.data.source import Source
from akd_jax.errors import InputError

ENDINGS = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp"))
GREY = frozenset(("1", "L", "LA"))  # Pillow's names of modes
DEEP = frozenset(("I", "I;16", "I;16B", "I;16L", "F"))  # more than eight bits a channel


class Labelled(NamedTuple):
    path: Path
    label: int


def open_folder(root: Path) -> Source:
    """The folder's splits. Classes are the sorted names of the class folders of all splits.

    The images of a split are sorted by class, then by name. They stay of one channel if all that are read are
    grey, else they become RGB. Raises InputError for a folder without images, or with both layouts.
    """
    if (root / "test").is_dir() and _files(root / "test"):  # else it would be a class of that name
        raise InputError(f"{root / 'test'} has images of no class: wanted {root / 'test'}/CLASS/*.png")
    flat = {"test": root} if any(map(_files, _folders(root))) else {}
    deep = {split.name: split for split in _folders(root) if any(map(_files, _folders(split)))}
    if bool(flat) == bool(deep):
        found = "images at both depths" if flat else f"no images ({', '.join(sorted(ENDINGS))}){_seen(root)}"
        raise InputError(f"{root} has {found}: wanted {root}/CLASS/*.png or {root}/SPLIT/CLASS/*.png")
    splits = flat or deep
    names = sorted({folder.name for split in splits.values() for folder in _folders(split)})
    files = {
        name: [Labelled(path, names.index(folder.name)) for folder in _folders(split) for path in _files(folder)]
        for name, split in splits.items()
    }
    sizes = {name: len(labelled) for name, labelled in files.items()}
    return Source(sizes, tuple(names), lambda wanted: _read(root, [files[name] for name in wanted]))


def _seen(root: Path) -> str:
    """A file that is there instead, for the message."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    first = next(files, None)
    return f" in folders of classes, only such as {first}" if first else ""


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    named = (path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    return sorted(path for path in named if path.is_file())


def _read(root: Path, splits: Sequence[list[Labelled]]) -> list[Part]:
    """One Part a split, all of the same shape."""
    paths = [labelled.path for split in splits for labelled in split]
    pixels = [_decode(path) for path in paths]
    for path, image in zip(paths, pixels, strict=True):
        if image.shape[:2] != pixels[0].shape[:2]:
            (height, width), (first_height, first_width) = image.shape[:2], pixels[0].shape[:2]
            raise InputError(
                f"{path} is {width}x{height}, but {paths[0]} is {first_width}x{first_height}: "
                "all images must be of one size"
            )
    channels = max(image.shape[2] for image in pixels)
    images = np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in pixels])
    ends = np.cumsum([len(split) for split in splits])[:-1]
    return [
        part(str(root), each, np.array([labelled.label for labelled in split]))
        for each, split in zip(np.split(images, ends), splits, strict=True)
    ]


def _decode(path: Path) -> np.ndarray:
    """uint8 [H, W, 1] or [H, W, 3]."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode in DEEP:
                raise ValueError(f"mode {image.mode}, wanted eight bits a channel")
            pixels = np.asarray(image.convert("L" if image.mode in GREY else "RGB"))
    except Exception as error:  # whatever a damaged image upsets in its decoder
        raise InputError(f"{path} cannot be read as an image ({error!s:.200})") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels
