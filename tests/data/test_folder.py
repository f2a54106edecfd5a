"""Images of one's own in folders."""

import numpy as np
import pytest
from PIL import Image

from akd_jax import data
from akd_jax.errors import InputError

RANDOM = np.random.default_rng(0)


def save(path, shape=(4, 6, 3)):
    pixels = RANDOM.integers(0, 256, shape, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def refusal(root, split="test"):
    with pytest.raises(InputError) as caught:
        data.load(str(root), split)
    return str(caught.value)


def test_folders_of_classes(tmp_path):
    """Sorted by class and name, the split `test`; other files are no images."""
    wanted = {name: save(tmp_path / name) for name in ("b/1.png", "b/0.bmp", "a/7.PNG")}
    (tmp_path / "b" / "notes.txt").write_text("")
    (tmp_path / "c").mkdir()
    (tmp_path / ".hidden").mkdir()
    held = data.load(str(tmp_path), "test")
    assert held.names == ("a", "b", "c") and held.labels.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(held.images, [wanted[name] for name in ("a/7.PNG", "b/0.bmp", "b/1.png")])
    assert "has no split 'train': give test, " in refusal(tmp_path, "train")
    assert len(data.load(str(tmp_path), "test[1:]").labels) == 2


def test_folders_of_splits(tmp_path):
    """The classes are those of all splits, so that a label means the same in each."""
    train, test = save(tmp_path / "train" / "a" / "0.png"), save(tmp_path / "test" / "b" / "0.png")
    (tmp_path / "empty").mkdir()
    held = data.load(str(tmp_path), "train")
    np.testing.assert_array_equal(held.images, [train])
    held = data.load(str(tmp_path), "test")
    np.testing.assert_array_equal(held.images, [test])
    assert held.labels.tolist() == [1] and held.names == ("a", "b")
    np.testing.assert_array_equal(data.load(str(tmp_path), "test+train").images, [test, train])
    assert "has no split 'validation': give test, train" in refusal(tmp_path, "validation")


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "webp"])
def test_formats(tmp_path, ending):
    save(tmp_path / "a" / f"0.{ending}", (8, 8, 3))
    assert data.load(str(tmp_path), "test").images.shape == (1, 8, 8, 3)


def test_grey_images(tmp_path):
    grey = save(tmp_path / "a" / "0.png", (4, 6))
    np.testing.assert_array_equal(data.load(str(tmp_path), "test").images, grey[None, ..., None])
    colours = save(tmp_path / "a" / "1.png")
    held = data.load(str(tmp_path), "test")
    np.testing.assert_array_equal(held.images, [np.repeat(grey[..., None], 3, axis=-1), colours])


def test_transparency_is_dropped(tmp_path):
    pixels = save(tmp_path / "a" / "0.png", (4, 6, 4))
    np.testing.assert_array_equal(data.load(str(tmp_path), "test").images, pixels[None, ..., :3])


def test_images_of_several_sizes(tmp_path):
    for name, shape in {"a/0.png": (4, 6, 3), "a/1.png": (4, 6, 3), "b/0.png": (6, 4, 3), "b/1.png": (9, 9, 3)}.items():
        save(tmp_path / name, shape)
    message = refusal(tmp_path)
    assert f"{tmp_path / 'b' / '0.png'} is 4x6, but {tmp_path / 'a' / '0.png'} is 6x4" in message


@pytest.mark.parametrize("end", [0, 20, 60])
def test_damaged_images(tmp_path, end):
    save(tmp_path / "a" / "0.png")
    content = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "a" / "1.png").write_bytes(content[:end])
    assert f"{tmp_path / 'a' / '1.png'} cannot be read as an image" in refusal(tmp_path)


def test_sixteen_bits(tmp_path):
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((4, 4), 1000, np.uint16)).save(tmp_path / "a" / "0.png")
    assert "eight bits" in refusal(tmp_path)


def test_other_folders(tmp_path):
    assert "has no images (.bmp, .jpeg, .jpg, .png, .webp): wanted" in refusal(tmp_path)
    save(tmp_path / "0.png")  # of no class
    assert f"in folders of classes, only such as {tmp_path / '0.png'}: wanted" in refusal(tmp_path)
    save(tmp_path / "a" / "0.png")
    save(tmp_path / "test" / "a" / "0.png")
    assert "images at both depths" in refusal(tmp_path)


@pytest.mark.parametrize("ending", ["gif", "tif"])
def test_other_formats(tmp_path, ending):
    save(tmp_path / "test" / "a" / f"0.{ending}")
    assert f".webp) in folders of classes, only such as {tmp_path / 'test' / 'a' / '0'}.{ending}:" in refusal(tmp_path)


def test_a_split_without_classes(tmp_path):
    """`test` is no class, even beside folders of classes."""
    save(tmp_path / "test" / "0.png")
    save(tmp_path / "train" / "a" / "0.png")
    wanted = tmp_path / "test" / "CLASS" / "*.png"
    assert f"{tmp_path / 'test'} has images of no class: wanted {wanted}" in refusal(tmp_path)
