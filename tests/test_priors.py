"""What the teacher says of images: the formulas written out in NumPy and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.priors import (
    activation,
    balance,
    batch_norm_statistics,
    blended,
    no_prior,
    one_hot,
    total_variation,
)

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(6, 4)).astype(np.float32) * 2
P = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)


def statistics(seed):
    """Of two batch norms, of 3 and of 5 channels."""
    random = np.random.default_rng(seed)
    return {f"bn{n}": {name: random.uniform(0.1, 1, n).astype(np.float32) for name in ("mean", "var")} for n in (3, 5)}


def by_hand(found, running):
    return sum(np.linalg.norm(found[bn][key] - running[bn][key]) for bn in found for key in ("mean", "var"))


def test_batch_norm_statistics_are_norms_that_are_not_squared():
    found, running = statistics(1), statistics(2)
    assert float(batch_norm_statistics(found, running)) == pytest.approx(by_hand(found, running), rel=1e-6)


def test_batch_norm_statistics_of_a_network_are_those_of_pytorchs_hooks():
    """A convolution and two batch norms: the mean and the biased variance of what goes into each, in PyTorch."""
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    from torch_to_jax import variables_of

    from akd_jax.models.network import classifier
    from akd_jax.models.resnet import ResNet as OurResNet
    from akd_jax.torch_networks import ResNet

    torch.manual_seed(0)
    module, terms = ResNet((1, 1), (4, 8), 5, in_channels=3).eval(), []
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            layer.register_forward_hook(
                lambda layer, inputs, _: terms.extend(
                    [
                        torch.norm(layer.running_mean - inputs[0].mean((0, 2, 3))),
                        torch.norm(layer.running_var - inputs[0].var((0, 2, 3), unbiased=False)),
                    ]
                )
            )
    images = torch.randn(4, 3, 8, 8, requires_grad=True)
    module(images)
    wanted = sum(terms)
    wanted.backward()
    network = classifier(OurResNet(5, (1, 1), (4, 8)))
    inputs = jnp.asarray(images.detach().numpy().transpose(0, 2, 3, 1))
    variables = variables_of(module, network, inputs, dtype=jnp.float32)

    def ours(images):
        outputs, _ = network.apply(variables, images, train=False)
        return batch_norm_statistics(outputs.batch_norm_inputs, variables.batch_stats)

    value, gradient = jax.jit(jax.value_and_grad(ours))(inputs)
    assert len(terms) == len(jax.tree.leaves(variables.batch_stats))
    assert float(value) == pytest.approx(wanted.item(), rel=1e-5)
    theirs = images.grad.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(gradient, theirs, atol=1e-4 * np.abs(theirs).max())


def test_batch_norm_statistics_with_a_memory():
    """Fast-Datafree: ||v - (1 - m) v_batch - m v_average||_2 and the same of means, m = 0.9."""
    found, average, running = statistics(1), statistics(2), statistics(3)
    wanted = sum(
        np.linalg.norm(running[bn][key] - 0.1 * found[bn][key] - 0.9 * average[bn][key])
        for bn in found
        for key in ("mean", "var")
    )
    assert float(batch_norm_statistics(blended(found, average, 0.9), running)) == pytest.approx(wanted, rel=1e-5)


def test_statistics_that_fit_have_no_distance_and_no_direction():
    found = jax.tree.map(jnp.asarray, statistics(1))
    value, gradient = jax.value_and_grad(batch_norm_statistics)(found, found)
    assert float(value) < 1e-10 and all((leaf == 0).all() for leaf in jax.tree.leaves(gradient))


def test_a_teacher_without_batch_norms_has_no_term_and_a_folded_one_is_refused():
    assert batch_norm_statistics({}, {}) == 0
    with pytest.raises(ValueError):
        batch_norm_statistics({}, statistics(1))


def test_one_hot():
    np.testing.assert_allclose(one_hot(jnp.asarray(LOGITS)), -np.log(P.max(-1)), rtol=1e-5)


def test_one_hot_is_pytorchs_cross_entropy_with_the_largest():
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    logits = torch.tensor(LOGITS, requires_grad=True)
    wanted = torch.nn.functional.cross_entropy(logits, logits.argmax(1))
    wanted.backward()
    value, gradient = jax.value_and_grad(lambda x: one_hot(x).mean())(jnp.asarray(LOGITS))
    assert float(value) == pytest.approx(wanted.item(), rel=1e-5)
    np.testing.assert_allclose(gradient, logits.grad, atol=1e-6)


def test_balance():
    shares = P.mean(0)
    assert float(balance(jnp.asarray(LOGITS))) == pytest.approx((shares * np.log(shares)).sum(), rel=1e-5)
    assert float(balance(jnp.zeros((3, 4)))) == pytest.approx(-np.log(4), rel=1e-5)
    one_class = jnp.array([[200.0, 0, 0, 0]] * 3)
    assert float(balance(one_class)) == 0 and jnp.isfinite(jax.grad(balance)(one_class)).all()


def test_activation():
    assert activation(jnp.array([[1.0, -2.0, 3.0], [0, 0, -3]])).tolist() == [2, 1]


def test_total_variation():
    images = RANDOM.normal(size=(2, 5, 4, 3)).astype(np.float32)
    differences = [
        images[:, :, 1:] - images[:, :, :-1],
        images[:, 1:] - images[:, :-1],
        images[:, 1:, 1:] - images[:, :-1, :-1],
        images[:, :-1, 1:] - images[:, 1:, :-1],
    ]
    wanted = sum(np.sqrt((difference**2).sum()) for difference in differences)
    assert float(total_variation(jnp.asarray(images))) == pytest.approx(float(wanted), rel=1e-5)
    assert jnp.isfinite(jax.grad(total_variation)(jnp.ones((1, 4, 4, 1)))).all()


def test_no_prior():
    assert no_prior(None, None, None) == 0
