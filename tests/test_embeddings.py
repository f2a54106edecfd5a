"""What stands for the classes: from the teacher, from nothing, from a file."""

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

MODULES = {"resnet": ResNet(5, (1,), (4,)), "wide resnet": WideResNet(5, 10, 1), "vgg": VGG(5, (1, 1, 1, 1, 1))}


@pytest.mark.parametrize("name", MODULES)
def test_the_classifiers_rows_are_what_it_multiplies_its_features_with(name):
    network = classifier(MODULES[name])
    images = jax.random.normal(jax.random.key(0), (2, 16, 16, 1))

    def differences(key):
        variables = network.init(key, images)
        outputs, _ = network.apply(variables, images, train=False)
        products = outputs.features @ of_classes("classifier", 5, seed=0)(variables).T
        return (outputs.logits[0] - outputs.logits[1]), products[0] - products[1]  # the bias cancels

    logits, products = jax.jit(differences, compiler_options={"xla_backend_optimization_level": 0})(jax.random.key(1))
    np.testing.assert_allclose(logits, products, atol=1e-5)
    assert jnp.abs(products).max() > 1e-4


def test_those_that_need_no_teacher():
    assert (of_classes("one_hot", 3, seed=0)(None) == jnp.eye(3)).all()
    one, same, other = (of_classes("orthonormal", 3, seed=seed)(None) for seed in (0, 0, 1))
    np.testing.assert_allclose(one @ one.T, jnp.eye(3), atol=1e-6)
    assert (one == same).all() and not (one == other).all()


def test_a_file(tmp_path):
    rows = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "names.npy", rows)
    assert (of_classes(str(tmp_path / "names.npy"), 3, seed=0)(None) == rows).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((2, 4)), r"float64 \[2, 4\]; give finite floating numbers \[3, D\]"),
        (np.full((3, 2), np.nan), "give finite"),
        (np.zeros((3, 2), int), r"int64 \[3, 2\]"),
        (np.array([[None]]), r"cannot be read as an \.npy file"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, rows, message):
    np.save(tmp_path / "names.npy", rows, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        of_classes(str(tmp_path / "names.npy"), 3, seed=0)


def test_names_that_are_none_are_refused(tmp_path):
    with pytest.raises(InputError, match="'clip': unknown; give one of classifier, one_hot, orthonormal, or the path"):
        of_classes("clip", 3, seed=0)
    with pytest.raises(InputError, match="cannot be read"):
        of_classes(str(tmp_path / "none.npy"), 3, seed=0)
