"""Prepared CIFAR: whose order its images have, by which paths it goes, and what a damaged one is called."""

import cifar_archives
import numpy as np
import pytest

from akd_jax import data
from akd_jax.data import cifar, prepare, prepared
from akd_jax.errors import InputError


def test_loaded_as_tensorflow_datasets_orders_it(made):
    import tensorflow_datasets as tfds

    name, root = made
    for split in ("train", "test[:50%]", "train[80%:]+test"):
        source = tfds.builder(name, data_dir=root, file_format="array_record").as_data_source(split)
        held = data.load(name, split, str(root))
        np.testing.assert_array_equal(held.images, [record["image"] for record in source])
        assert held.labels.tolist() == [record["label"] for record in source]
        assert held.names == tuple(cifar_archives.class_names(name)["label"])


def test_the_seeds_subset_is_of_the_archives_order(made):
    name, root = made
    images, labels = cifar_archives.make(name)["test"]
    chosen = np.random.default_rng(42).choice(range(6), 4, replace=False)
    held = data.load(name, "seed:70%", str(root))
    np.testing.assert_array_equal(held.images, images[chosen])
    assert held.labels.tolist() == [labels["label"][place] for place in chosen]


def test_prepared_data_by_their_path(made):
    name, root = made
    for folder in (root / name, root / name / "3.0.2"):
        with pytest.raises(InputError, match=f"is {name} as prepared: give --data {name} --data_dir {root}"):
            data.load(str(folder), "test")


def test_unknown_splits_of_prepared_data(made):
    name, root = made
    with pytest.raises(InputError, match=f"{name} has no split 'validation': give (test, train|train, test),"):
        data.load(name, "validation", str(root))


@pytest.fixture
def records(tmp_path):
    """The file with the records of 90 test images."""
    made = cifar_archives.make("cifar100", {"train": 5, "test": 90})
    archive = cifar_archives.write(tmp_path, "cifar100", made=made)
    folder = prepare.prepare("cifar100", str(tmp_path), given=archive, trust=True)
    return next(folder.glob("*test.array_record*"))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99999])
def test_records_cut_short(records, tmp_path, share):
    """Never a part of the images: the error says which folder to delete."""
    content = records.read_bytes()
    records.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=f"{records.parent} is damaged.*: delete this folder and run scripts/prepare"):
        data.load("cifar100", "test", str(tmp_path))


def test_a_bit_that_turned(records, tmp_path):
    content = bytearray(records.read_bytes())
    content[len(content) // 3] ^= 1
    records.write_bytes(content)
    with pytest.raises(InputError, match="delete this folder"):
        data.load("cifar100", "test", str(tmp_path))


def test_a_missing_file(records, tmp_path):
    records.unlink()
    with pytest.raises(InputError, match="delete this folder"):
        data.load("cifar100", "test", str(tmp_path))


def test_a_damaged_description(records, tmp_path):
    (records.parent / "dataset_info.json").write_text("{")
    with pytest.raises(InputError, match="delete this folder"):
        data.load("cifar100", "test", str(tmp_path))


def test_a_missing_description(records, tmp_path, nowhere):
    """The folder is there, so nothing is looked for elsewhere."""
    (records.parent / "dataset_info.json").unlink()
    with pytest.raises(InputError, match=f"{records.parent} is damaged.*delete this folder"):
        data.load("cifar100", "test", str(tmp_path))


def test_a_directory_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is not a directory: give another --data_dir"):
        data.load("cifar100", "test", str(tmp_path / "file"))


def test_the_version_is_tensorflow_datasets():
    import tensorflow_datasets as tfds

    assert {str(tfds.builder_cls(name).VERSION) for name in cifar.CIFARS} == {prepared.VERSION}
