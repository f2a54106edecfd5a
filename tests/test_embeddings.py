"""What stands for the classes: from the teacher, from nothing, from a file."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.embeddings import of_classes
from akd_jax.errors import InputError
from akd_jax.models.network import classifier
from akd_jax.models.resnet import ResNet
from akd_jax.models.vgg import VGG
from akd_jax.models.wide_resnet import WideResNet
from akd_jax.training.embeddings_file import load, read, write

MODULES = {"resnet": ResNet(5, (1,), (4,)), "wide resnet": WideResNet(5, 10, 1), "vgg": VGG(5, (1, 1, 1, 1, 1))}


@pytest.mark.parametrize("name", MODULES)
def test_the_classifiers_rows_are_what_it_multiplies_its_features_with(name):
    network = classifier(MODULES[name])
    images = jax.random.normal(jax.random.key(0), (2, 16, 16, 1))

    def differences(key):
        variables = network.init(key, images)
        outputs, _ = network.apply(variables, images, train=False)
        products = outputs.features @ of_classes("classifier", 5)(variables).T
        return (outputs.logits[0] - outputs.logits[1]), products[0] - products[1]  # the bias cancels

    logits, products = jax.jit(differences, compiler_options={"xla_backend_optimization_level": 0})(jax.random.key(1))
    np.testing.assert_allclose(logits, products, atol=1e-5)
    assert jnp.abs(products).max() > 1e-4


def test_those_that_need_no_teacher():
    assert (of_classes("one_hot", 3)(None) == jnp.eye(3)).all()
    one, same = (of_classes("orthonormal", 3)(None) for _ in range(2))
    np.testing.assert_allclose(one @ one.T, jnp.eye(3), atol=1e-6)
    assert (one == same).all() and not (one == jnp.eye(3)).any()
    assert (jax.jit(lambda: of_classes("orthonormal", 3)(None))() == one).all()


def test_a_file(tmp_path):
    rows = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "names.npy", rows)
    source = str(tmp_path / "names.npy")
    assert (of_classes(source, 3, load(source).rows)(None) == rows).all()
    assert load("one_hot") is None


def test_a_run_keeps_what_it_was_given(tmp_path):
    """Without rounding, and without the file; damage is seen."""
    rows = np.random.default_rng(0).normal(size=(3, 4))
    np.save(tmp_path / "names.npy", rows)
    given = load(str(tmp_path / "names.npy"))
    assert read(tmp_path) is None
    write(tmp_path, given)
    (tmp_path / "names.npy").unlink()
    assert (read(tmp_path).rows == rows.astype(np.float32)).all() and read(tmp_path).digest == given.digest
    written = json.loads((tmp_path / "embeddings.json").read_text())
    written["rows"][1][2] += 1
    (tmp_path / "embeddings.json").write_text(json.dumps(written))
    with pytest.raises(InputError, match=r"is a damaged run: embeddings\.json cannot be read \(its numbers are not"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((2, 4, 1)), r"float64 \[2, 4, 1\]; give finite floating numbers \[classes, D\]"),
        (np.full((3, 2), np.nan), "give finite"),
        (np.zeros((3, 2), int), r"int64 \[3, 2\]"),
        (np.array([[None]]), r"cannot be read as an \.npy file"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, rows, message):
    np.save(tmp_path / "names.npy", rows, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        load(str(tmp_path / "names.npy"))


def test_rows_of_other_classes_are_refused():
    with pytest.raises(InputError, match=r"names\.npy: embeddings of 2 classes; give those of the teacher's 3"):
        of_classes("names.npy", 3, np.zeros((2, 4)))


def test_names_that_are_none_are_refused(tmp_path):
    with pytest.raises(InputError, match="'clip': unknown; give one of classifier, one_hot, orthonormal, or the path"):
        load("clip")
    with pytest.raises(InputError, match="cannot be read"):
        load(str(tmp_path / "none.npy"))
