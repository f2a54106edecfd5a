"""Methods that keep what they synthesise: the memory with its bank, and the step of students who learn from it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from akd_jax import bank
from akd_jax.bank import Bank
from akd_jax.methods.match import Match, learn
from akd_jax.types import AKDState, Array, Network, Outputs, Step, Variables


@struct.dataclass
class Memory:
    """bank: the synthetic images.

    statistics: of the synthetic batches so far, a running average in the tree of `Outputs.batch_norm_inputs`; 0 while
    the bank is empty.
    """

    bank: Bank
    statistics: Any


def empty_memory(teacher: Network, *, capacity: int) -> Callable[[jax.ShapeDtypeStruct], Memory]:
    """For `assemble`: images [B, H, W, C] -> a memory with a bank of this capacity."""

    def memory(images: jax.ShapeDtypeStruct) -> Memory:
        seen = jax.eval_shape(lambda key, given: look(teacher.init(key, given), given), jax.random.key(0), images)
        statistics = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), seen.batch_norm_inputs)
        return Memory(bank.empty(capacity, images.shape[1:]), statistics)

    def look(variables: Variables, images: Array) -> Outputs:
        return teacher.apply(variables, images, train=False)[0]

    return memory


def replay_step(
    match: Match,
    optimizer: optax.GradientTransformation,
    *,
    batch_size: int,
    augment: Callable[[Array, Array], Array],
    normalise: Callable[[Array], Array],
    split: Callable[[Array], Array],
) -> Step:
    """Each student takes one step down on images from the bank.

    normalise: pixels -> images as networks see them [B, H, W, C]; augment: (key, these) -> likewise.
    split: what the batch goes through, which may divide it among devices.
    Metrics: student_loss and student_gradient_norm of each.
    """

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        sample_key, augment_key = jax.random.split(key)
        pixels, _ = bank.sample(state.memory.bank, sample_key, num=batch_size)
        images = augment(augment_key, normalise(split(pixels)))
        target, _ = match.teacher.apply(teacher_variables, images, train=False)
        return learn(match, state, images, target, optimizer=optimizer)

    return step
