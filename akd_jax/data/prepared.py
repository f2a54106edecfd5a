"""CIFAR as tensorflow-datasets prepared it, here or elsewhere."""

import os
from pathlib import Path

import numpy as np

from akd_jax.data.images import Part, part
from akd_jax.data.source import Source
from akd_jax.errors import InputError

VERSION = "3.0.2"


def directory(data_dir: str | None) -> Path:
    """Where tensorflow-datasets keeps its data: `data_dir`, else $TFDS_DATA_DIR, else its own default.

    Raises InputError for what is no directory.
    """
    path = Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is not a directory: give another --data_dir")
    return path


def folder(name: str, data_dir: str | None) -> Path:
    """Where the prepared data are, or would be."""
    return directory(data_dir) / name / VERSION


def is_prepared(path: Path) -> bool:
    """tensorflow-datasets writes elsewhere and renames, so the folder is there whole, or was damaged later."""
    return path.is_dir()


def open_prepared(path: Path, *, label: str = "label") -> Source:
    """The prepared folder. Raises InputError, here or when reading, if it is damaged or of another file format.

    label: which of its labels.
    Here the last image of each split is read, which a split that was cut has lost.
    """
    import tensorflow_datasets as tfds  # half a second that nobody else should wait for

    def read(split: str) -> Part:
        source = builder.as_data_source(split)
        records = source.__getitems__(range(sizes[split]))
        images, labels = (np.stack([record[key] for record in records]) for key in ("image", label))
        return part(str(path), images, labels, np.argsort([record["id"] for record in records]))

    def read_all(splits: list[str]) -> list[Part]:
        try:
            return [read(split) for split in splits]
        except Exception as error:  # whatever damaged files upset in a decoder
            raise _damaged(path, error) from error

    try:
        builder = tfds.builder_from_directory(path)
        sizes = {name: int(split.num_examples) for name, split in builder.info.splits.items()}
        for split, size in sizes.items():
            builder.as_data_source(split)[size - 1]
        return Source(sizes, tuple(builder.info.features[label].names), read_all)
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is damaged, or was not prepared as array_record ({error!s:.200}): delete this folder and run "
        f"scripts/prepare_data.py {path.parent.name} --data_dir {path.parent.parent}"
    )
