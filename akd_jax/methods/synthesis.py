"""A synthesis: a few steps towards a batch that the teacher knows and the students do not; the best is kept."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from akd_jax import bank
from akd_jax.methods.match import Match
from akd_jax.methods.players import running
from akd_jax.methods.replay import Memory
from akd_jax.objectives import cross_entropy
from akd_jax.priors import batch_norm_statistics, blended
from akd_jax.types import AKDState, Array, Outputs, Variables


class Weights(NamedTuple):
    """Of what a synthesis minimises: batch-norm statistics, cross-entropy with the labels, and what the match's
    generator minimises.

    batch_norm_memory: the share of earlier batches in the statistics that are compared. adversarial_from: the round
    from which on the last term counts; adversarial_ramp: rounds in which it then grows to its weight (`grown`).
    """

    batch_norm: float
    batch_norm_memory: float
    one_hot: float
    adversarial: float
    adversarial_from: float
    adversarial_ramp: float


def grown(weight: Array | float, round: Array, *, begins: Array | float, ramp: Array | float) -> Array:
    """[]: the weight in a round, counted from 0: none before `begins`, then more with each until it is whole in `ramp`.

    A curriculum for the adversarial term, from images that the teacher knows to those that students do not (CuDFKD, Li
    et al. 2022, arXiv:2208.13648); whole at once for a ramp of 0.
    """
    return weight * (round >= begins) * jnp.minimum((round - begins + 1) / jnp.maximum(ramp, 1), 1)


class Synthesis(NamedTuple):
    """What came of it.

    moving, batch_stats: after the last step. best: what the step of the lowest loss made, by default images
    [B, H, W, C]. gradients: summed over the steps, as `moving`. statistics: of the last step's images, as
    `Outputs.batch_norm_inputs`. losses: [steps].
    """

    moving: Any
    batch_stats: Any
    best: Any
    gradients: Any
    statistics: Any
    losses: Array


def loss_of(
    weights: Weights, match: Match, state: AKDState, teacher_variables: Variables, images: Array, labels: Array
) -> tuple[Array, Outputs]:
    """([], what the teacher says of the images). Students stand still, with their running statistics."""
    seen, _ = match.teacher.apply(teacher_variables, images, train=False)
    compared = _remembering(state.memory, seen.batch_norm_inputs, weights.batch_norm_memory)
    value = (
        weights.batch_norm * batch_norm_statistics(compared, teacher_variables.batch_stats)
        + weights.one_hot * cross_entropy(seen, labels).mean()
    )
    if not match.objective.generator_loss:
        return value, seen
    told = [
        match.objective.generator_loss(seen, running(student, state.students[name].variables, images)[0])
        for name, student in match.students.items()
    ]
    adversarial = grown(weights.adversarial, state.step, begins=weights.adversarial_from, ramp=weights.adversarial_ramp)
    return value + adversarial * jnp.stack(told).mean(), seen


def synthesise(
    loss: Callable[[Any, Any, Array], tuple[Array, tuple[Any, Any, Outputs]]],
    moving: Any,
    batch_stats: Any,
    optimizer: optax.GradientTransformation,
    key: Array,
    *,
    steps: int,
) -> Synthesis:
    """loss: (what moves, the generator's batch_stats, key of the step) -> ([], (made, batch_stats, what is said)).

    What is said is the teacher's of the images as it was shown them, augmented; those made are as they were drawn.
    optimizer: of what moves, fresh.
    """

    def one(carry, key):
        moving, opt_state, batch_stats, total, best = carry
        (value, (made, batch_stats, seen)), gradients = jax.value_and_grad(loss, has_aux=True)(moving, batch_stats, key)
        best = jax.tree.map(lambda new, old: jnp.where(value < best[0], new, old), (value, made), best)
        total = jax.tree.map(jnp.add, total, gradients)
        updates, opt_state = optimizer.update(gradients, opt_state, moving)
        moving = optax.apply_updates(moving, updates)
        return (moving, opt_state, batch_stats, total, best), (value, seen.batch_norm_inputs)

    value, (made, *_) = jax.eval_shape(loss, moving, batch_stats, key)
    nothing = jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), made)
    worst = (jnp.full((), jnp.inf, value.dtype), nothing)
    start = (moving, optimizer.init(moving), batch_stats, jax.tree.map(jnp.zeros_like, moving), worst)
    (moving, _, batch_stats, total, (_, best)), (losses, found) = jax.lax.scan(one, start, jax.random.split(key, steps))
    return Synthesis(moving, batch_stats, best, total, jax.tree.map(lambda each: each[-1], found), losses)


def kept(memory: Memory, pixels: Array, statistics: Any, share: float, *, beside: Any = ()) -> Memory:
    """The memory with these images too, uint8 [B, H, W, C], and with what its bank keeps beside each.

    share: of earlier batches in the average of statistics.
    """
    return memory.replace(
        bank=bank.append(memory.bank, pixels, beside), statistics=_remembering(memory, statistics, share)
    )


def _remembering(memory: Memory, found: Any, share: float) -> Any:
    """Statistics, of which `share` is the average of earlier ones where there are any."""
    begun = memory.bank.count > 0
    before = jax.tree.map(lambda old, new: jnp.where(begun, old, new), memory.statistics, found)
    return blended(found, before, share)
