"""Small CIFAR archives in the official layouts, of random images."""

import io
import pickle
import struct
import tarfile

import numpy as np

from akd_jax.data.cifar import CIFARS

KINDS = ("binary", "python")
COUNTS = {"train": 15, "test": 6}  # five members of three make the train split of CIFAR-10


def make(name, counts=COUNTS):
    """split -> (images uint8 [N, 32, 32, 3], label -> list of int)."""
    random = np.random.default_rng(0)
    return {
        split: (
            random.integers(0, 256, (count, 32, 32, 3), np.uint8),
            {key: random.integers(0, label.classes, count).tolist() for key, label in CIFARS[name].labels.items()},
        )
        for split, count in counts.items()
    }


def class_names(name):
    """label -> names."""
    return {key: [f"{key}_{i}" for i in range(label.classes)] for key, label in CIFARS[name].labels.items()}


def members(name, kind, made):
    """The archive's files: name in its folder -> bytes."""
    cifar = CIFARS[name]
    labels = cifar.labels
    names = class_names(name)
    files = {}
    for split, paths in getattr(cifar, kind).splits.items():
        images, values = made[split]
        for path, indices in zip(paths, np.array_split(np.arange(len(images)), len(paths)), strict=True):
            planes = images[indices].transpose(0, 3, 1, 2).reshape(len(indices), -1)
            columns = {key: [values[key][i] for i in indices] for key in labels}
            if kind == "binary":
                files[path] = np.column_stack([*columns.values(), planes]).astype(np.uint8).tobytes()
            else:
                record = {b"data": planes, b"filenames": [b"%05d.png" % i for i in indices]}
                record |= {labels[key].values.encode(): column for key, column in columns.items()}
                files[path] = python2_pickle(record)
    if kind == "binary":
        return files | {label.binary_names: "\n".join([*names[key], ""]).encode() for key, label in labels.items()}
    meta = {label.python_names.encode(): [each.encode() for each in names[key]] for key, label in labels.items()}
    return files | {cifar.meta: python2_pickle(meta)}


def pack(path, folder, files):
    """Writes the files as a .tar.gz of one folder."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write(directory, name, kind="binary", made=None):
    """The path of an archive, under its official name, of `make(name)`."""
    archive = getattr(CIFARS[name], kind)
    directory.mkdir(parents=True, exist_ok=True)
    return pack(directory / archive.file, archive.folder, members(name, kind, made or make(name)))


def python2_pickle(record):
    """Protocol 2 with bytes as Python 2 wrote its `str`."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(record)
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


class _Pickler(pickle._Pickler):
    def _string(self, value):
        short = len(value) < 256
        self.write((b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))) + value)
        self.memoize(value)

    dispatch = pickle._Pickler.dispatch | {bytes: _string}
