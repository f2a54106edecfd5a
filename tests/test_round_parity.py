"""A whole round of the seed's game against the same round in plain PyTorch, at full size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

from torch_to_jax import scramble, variables_of

from akd_jax.methods import METHODS
from akd_jax.models import GENERATORS, make_classifier
from akd_jax.objectives import OBJECTIVES
from akd_jax.optimizers import adam, learning_rate, sgd
from akd_jax.torch_networks import GeneratorA, ResNet
from akd_jax.types import AKDState, NetworkState
from benchmarks import torch_game

LATENTS = 100
FULL = (64, 128, 256, 512)


def play(dtype, *, batch, student_steps, adam_updates=0):
    """One round by both, from the same weights and latents: (losses, our variables, PyTorch's, those before).

    Losses are pairs (ours, PyTorch's), variables pairs (student's, generator's). adam_updates: how many steps the
    generator's optimizer believes that it has made, on gradients of 1e-2.
    """
    torch.manual_seed(0)
    torch_dtype = {4: torch.float32, 8: torch.float64}[dtype.dtype.itemsize]
    teacher = ResNet((3, 4, 6, 3), FULL, 100, "imagenet")
    student = ResNet((2, 2, 2, 2), FULL, 100, names="cifar")
    for module in (*teacher.modules(), *student.modules()):
        if isinstance(module, torch.nn.Conv2d):  # as torchvision and DFAD begin
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    # Scrambled, since a bias that begins at 0 would be measured against one step's size.
    random = torch.Generator().manual_seed(1)
    student, generator = scramble(student, random), scramble(GeneratorA(LATENTS), random)
    teacher, student, generator = (module.to(torch_dtype) for module in (teacher, student, generator))
    networks = {
        "teacher": make_classifier("resnet34", 100, image_size=32),
        "students": {"student": make_classifier("resnet18_8x", 100, image_size=32)},
        "generator": GENERATORS["generator_a"].network(32, 3, 64),
    }
    optimizers = {
        "student_optimizer": sgd(learning_rate(0.01, schedule="constant", steps=1), momentum=0.9, weight_decay=5e-4),
        "generator_optimizer": adam(learning_rate(1e-3, schedule="constant", steps=1)),
    }

    def sample_latents(key, *, num=batch):
        return jax.random.normal(key, (num, LATENTS), dtype)

    method = METHODS["akd"](
        **networks,
        **{name: lambda updates, optimizer=optimizer: optimizer for name, optimizer in optimizers.items()},
        objective=OBJECTIVES["l1"](1.0),
        sample_latents=sample_latents,
        batch_size=batch,
        student_steps=student_steps,
        rounds=1,
    )
    images, latents = jnp.zeros((batch, 32, 32, 3), dtype), jnp.zeros((batch, LATENTS), dtype)

    def player(module, network, inputs, optimizer):
        variables = variables_of(module, network, inputs, dtype)
        return NetworkState(variables.params, variables.batch_stats, optimizer.init(variables.params))

    def converted():
        return (
            variables_of(student, networks["students"]["student"], images, dtype),
            variables_of(generator, networks["generator"], latents, dtype),
        )

    state = AKDState(
        step=jnp.zeros((), jnp.int32),
        students={"student": player(student, networks["students"]["student"], images, optimizers["student_optimizer"])},
        generator=player(generator, networks["generator"], latents, optimizers["generator_optimizer"]),
    )
    played = torch_game.players(teacher, student, generator, teacher_size=224)
    if adam_updates:
        for parameter in generator.parameters():
            moments = {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.full_like(parameter, 1e-4)}
            played.generator_optimizer.state[parameter] = {"step": torch.tensor(float(adam_updates)), **moments}
        moments, *rest = state.generator.opt_state
        nu = jax.tree.map(lambda leaf: jnp.full_like(leaf, 1e-4), moments.nu)
        moments = moments._replace(count=jnp.int32(adam_updates), nu=nu)
        state = state.replace(generator=state.generator.replace(opt_state=(moments, *rest)))
    teacher_variables = variables_of(teacher, networks["teacher"], images, dtype)
    before = converted()

    key = jax.random.key(7)
    students_key, generator_key = jax.random.split(key)
    drawn = [*map(sample_latents, jax.random.split(students_key, student_steps)), sample_latents(generator_key)]
    theirs = torch_game.play_round(played, [torch.tensor(np.asarray(z)) for z in drawn])
    state, metrics = jax.jit(method.turns["student"].round)(state, teacher_variables, key)
    ours = state.students["student"].variables, state.generator.variables
    losses = (metrics["student_loss"]["student"], np.mean(theirs[0])), (metrics["generator_loss"], theirs[1])
    # Out of JAX before x64 is switched off again, which would round what is computed from these arrays.
    return jax.tree.map(np.asarray, (losses, ours, converted(), before))


def positions(path):
    """Positions an image has at a batch norm, from its name: what the batch's statistics are over, beside images."""
    side = {
        "bn1": 32, "layer1": 32, "layer2": 16, "layer3": 8, "layer4": 4,
        "conv_blocks0": 8, "conv_blocks1": 16, "conv_blocks2": 32,
    }[path[0].split("_")[0] if path[0].startswith("layer") else path[0].rsplit("_", 1)[0]]  # fmt: skip
    return side**2


def as_pytorch_keeps_it(variables, before, *, batch, updates):
    """{path: array} with the running variances unbiased: the batches' share in them times n/(n-1)."""
    arrays, old = flat(variables), flat(before)
    for path in arrays:
        if path[-1] == "var":
            count, kept = batch * positions(path[1:]), 0.9**updates * old[path]
            arrays[path] = kept + (arrays[path] - kept) * count / (count - 1)
    return arrays


def flat(variables):
    collections = {"params": variables.params, "batch_stats": variables.batch_stats}
    return {path: np.asarray(leaf, np.float64) for path, leaf in flatten_dict(collections).items()}


def largest_difference(own, wanted):
    """(of all tensors the largest difference over the tensor's largest entry, its name)."""
    assert own.keys() == wanted.keys()
    return max((np.abs(own[p] - wanted[p]).max() / np.abs(wanted[p]).max(), "/".join(p)) for p in wanted)


def test_round_in_float64():
    with jax.enable_x64(True):
        losses, ours, theirs, before = play(jnp.float64, batch=2, student_steps=1)
    for own, wanted in losses:
        assert abs(own - wanted) <= 1e-8 * abs(wanted)
    for own, wanted, old in zip(ours, theirs, before, strict=True):
        difference, name = largest_difference(as_pytorch_keeps_it(own, old, batch=2, updates=2), flat(wanted))
        assert difference <= 1e-8, name


@pytest.mark.slow
@pytest.mark.slow
def test_one_step_of_each_player_in_float32():
    """A ReLU whose input is rounding noise away from 0 opens in one program and stays closed in the other.

    So float32 gradients agree to a few per cent of their largest entry, the better the larger the batch, and what is
    compared is the network after its step. The Adam knows the gradients' size: its very first step would be their
    sign, that of rounding noise included.
    """
    losses, ours, theirs, before = play(jnp.float32, batch=16, student_steps=1, adam_updates=10)
    for own, wanted in losses:
        assert abs(own - wanted) <= 1e-4 * abs(wanted)
    for own, wanted, old in zip(ours, theirs, before, strict=True):
        difference, name = largest_difference(as_pytorch_keeps_it(own, old, batch=16, updates=2), flat(wanted))
        assert difference <= 1e-4, name
