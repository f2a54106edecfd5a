"""The two CIFAR sets: what their official archives hold.

Source: https://www.cs.toronto.edu/~kriz/cifar.html; labels and ids are those of tensorflow-datasets.
"""

from typing import NamedTuple

ORIGIN = "https://www.cs.toronto.edu/~kriz"


class Archive(NamedTuple):
    """A .tar.gz of one folder. size in bytes; splits: split -> its members, in order."""

    file: str
    size: int
    sha256: str
    folder: str
    splits: dict[str, tuple[str, ...]]


class Label(NamedTuple):
    """A kind of label.

    classes: how many.
    binary_names: the member of a binary archive with their names. python_names: their key in `meta` of a python one.
    values: the key in the members of a python archive; the members of a binary one hold the labels by position.
    """

    classes: int
    binary_names: str
    python_names: str
    values: str


class Cifar(NamedTuple):
    """One of the two sets, in both forms in which it is published.

    sizes: split -> number of images. labels: name -> Label, in the order of a binary record.
    meta: the member of a python archive with the names of the classes.
    """

    name: str
    sizes: dict[str, int]
    labels: dict[str, Label]
    meta: str
    binary: Archive
    python: Archive


SIZES = {"train": 50_000, "test": 10_000}
_TEN = Cifar(
    "cifar10",
    SIZES,
    {"label": Label(10, "batches.meta.txt", "label_names", "labels")},
    "batches.meta",
    Archive(
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        "cifar-10-batches-bin",
        {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
    ),
    Archive(
        "cifar-10-python.tar.gz",
        170_498_071,
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        "cifar-10-batches-py",
        {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)},
    ),
)
_HUNDRED = Cifar(
    "cifar100",
    SIZES,
    {
        "coarse_label": Label(20, "coarse_label_names.txt", "coarse_label_names", "coarse_labels"),
        "label": Label(100, "fine_label_names.txt", "fine_label_names", "fine_labels"),
    },
    "meta",
    Archive(
        "cifar-100-binary.tar.gz",
        168_513_733,
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        "cifar-100-binary",
        {"train": ("train.bin",), "test": ("test.bin",)},
    ),
    Archive(
        "cifar-100-python.tar.gz",
        169_001_437,
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        "cifar-100-python",
        {"train": ("train",), "test": ("test",)},
    ),
)
CIFARS = {cifar.name: cifar for cifar in (_TEN, _HUNDRED)}
