"""PyTorch modules' weights as ours, in float64 where x64 is on."""

import jax
import jax.numpy as jnp

from akd_jax.convert.layouts import nearest_layout, to_variables


def variables_of(module, network, inputs, dtype=jnp.float64):
    """The module's state dict as `Variables` of `network`; inputs: of the network, for their shape only."""
    expected = jax.eval_shape(network.init, jax.random.key(0), inputs)
    # Copies, since JAX may adopt the memory, which PyTorch goes on writing to.
    arrays = {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
    arrays = {name: value for name, value in arrays.items() if not name.endswith("num_batches_tracked")}
    variables = to_variables(arrays, expected, nearest_layout(arrays, expected), dtype=dtype)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), variables)


def scramble(module, generator):
    """Weights, statistics and batch-norm parameters that are far from their initial 0 and 1."""
    import torch

    with torch.no_grad():
        for name, value in module.state_dict().items():
            noise = torch.rand(value.shape, generator=generator, dtype=torch.float64)
            if name.endswith("running_var"):
                value.copy_(0.5 + noise)
            elif name.endswith(("running_mean", "bias")):
                value.copy_(0.2 * noise - 0.1)
            elif value.ndim == 1:
                value.copy_(0.5 + noise)
    return module
