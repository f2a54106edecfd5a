"""CIFAR written as tensorflow-datasets lays it out, without TensorFlow.

The official builders download, extract and encode with TensorFlow; here they keep what describes the data
(name, version, features, keys and so the order), and get the images from memory and the PNGs from Pillow.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds
from PIL import Image

from akd_jax.data.layouts import Contents, Labelled


def build(name: str, contents: Contents, directory: Path) -> None:
    """Writes `<directory>/<name>/<version>`, which appears whole or not at all."""
    dataset = name

    class Builder(tfds.builder_cls(name), skip_registration=True):
        name = dataset

        def _split_generators(self, dl_manager):
            for label, names in contents.names.items():
                self.info.features[label].names = names
            return {split: _examples(split, held) for split, held in contents.splits.items()}

    builder = Builder(data_dir=directory, file_format="array_record")
    with contextlib.redirect_stdout(io.StringIO()):  # it speaks of downloading
        builder.download_and_prepare()


def _examples(split: str, held: Labelled) -> Iterator[tuple[int, dict]]:
    """(key, features) of each image; tensorflow-datasets shuffles by the key."""
    for index, image in enumerate(held.images):
        png = io.BytesIO()
        Image.fromarray(image).save(png, "png")
        png.seek(0)
        labels = {label: int(values[index]) for label, values in held.labels.items()}
        yield index, {"id": f"{split}_{index:05d}", "image": png, **labels}
