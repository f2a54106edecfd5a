"""Fast-Datafree: a generator from which a few steps lead to the next batch, and students who learn from all batches.

Fang et al. 2022, arXiv:2112.06253.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax import bank
from akd_jax.methods.assembly import assemble
from akd_jax.methods.match import GENERATOR_STEP, STUDENT_STEP, Match
from akd_jax.methods.players import moved, norm, running
from akd_jax.methods.replay import Memory, empty_memory, replay_step
from akd_jax.objectives import Objective, kl, where_agreed
from akd_jax.pixels import to_pixels
from akd_jax.priors import batch_norm_statistics, blended, cross_entropy
from akd_jax.steps import guarded, in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Network, Step, Turn, Variables


def fast(
    *networks: Network,
    batch_size: int,
    student_steps: int,
    synthesis_steps: int,
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    bank_capacity: int,
    padding: int,
    temperature: float,
    batch_norm_weight: float,
    batch_norm_memory: float,
    one_hot_weight: float,
    adversarial_weight: float,
    adversarial_from: float,
    reset_at: float,
    first_layers: Sequence[str],
    inner_optimizer: optax.GradientTransformation,
    rounds: int,
    turns: Sequence[Sequence[str]] = (),
    **common: Any,
) -> Method:
    """Rounds of one synthesis, then `student_steps` student steps on images of the bank.

    A synthesis starts from the generator, takes `synthesis_steps` steps with a copy of it and with latents that move
    too, keeps the batch of the lowest loss in the bank, and moves the generator by the sum of the copy's gradients
    (first-order MAML). Its loss: batch-norm statistics, cross-entropy with random classes, and minus the KL of students
    who agree, as weighted. The students' loss is KL at `temperature`.
    mean, std: the teacher's, one a channel. bank_capacity: images. padding: pixels, of random crops.
    batch_norm_memory: the share of earlier batches in the statistics that are compared.
    adversarial_from, reset_at: shares of the run, from which on the adversarial term counts, and at which the modules
    `first_layers` of the generator begin anew, with weights of N(0, 0.02^2) and no biases (1 for never).
    inner_optimizer: of {"params": the copy's, "latents": [B, Z]}, fresh for each synthesis.
    rounds, turns, networks, common: as of `assemble`; the teacher is not folded, for its batch norms are read.
    """
    teacher, students, _ = networks
    in_all = rounds * len(turns or students)

    def synthesis(match: Match, outer: optax.GradientTransformation) -> Step:
        def step(state: AKDState, teacher_variables: Variables, key: Array):
            latents_key, labels_key, reset_key = jax.random.split(key, 3)
            labels = jax.random.randint(labels_key, (batch_size,), 0, classes)
            memory, begun = state.memory, state.memory.bank.count > 0
            start = _renewed(
                state.generator.params, reset_key, first_layers, state.step == jnp.round(reset_at * in_all)
            )
            adversarial = adversarial_weight * (state.step >= adversarial_from * in_all)

            def loss(moving, batch_stats):
                images, batch_stats = match.generator.apply(
                    Variables(moving["params"], batch_stats), moving["latents"], train=True
                )
                seen, _ = match.teacher.apply(teacher_variables, images, train=False)
                found = seen.batch_norm_inputs
                before = jax.tree.map(lambda kept, new: jnp.where(begun, kept, new), memory.statistics, found)
                statistics = batch_norm_statistics(
                    blended(found, before, batch_norm_memory), teacher_variables.batch_stats
                )
                told = [
                    match.objective.generator_loss(seen, running(student, state.students[name].variables, images)[0])
                    for name, student in match.students.items()
                ]
                value = (
                    batch_norm_weight * statistics
                    + one_hot_weight * cross_entropy(seen.logits, labels).mean()
                    + adversarial * jnp.stack(told).mean()
                )
                return value, (images, batch_stats, found)

            def one(carry, _):
                moving, opt_state, batch_stats, total, best = carry
                (value, (images, batch_stats, found)), gradients = jax.value_and_grad(loss, has_aux=True)(
                    moving, batch_stats
                )
                best = jax.tree.map(lambda new, old: jnp.where(value < best[0], new, old), (value, images), best)
                total = jax.tree.map(jnp.add, total, gradients["params"])
                updates, opt_state = inner_optimizer.update(gradients, opt_state, moving)
                moving = optax.apply_updates(moving, updates)
                return (moving, opt_state, batch_stats, total, best), (value, found)

            moving = {"params": start, "latents": match.sample_latents(latents_key)}
            shape = jax.eval_shape(loss, moving, state.generator.batch_stats)[1][0]
            carry = (
                moving,
                inner_optimizer.init(moving),
                state.generator.batch_stats,
                jax.tree.map(jnp.zeros_like, start),
                (jnp.float32(jnp.inf), jnp.zeros(shape.shape, shape.dtype)),
            )
            (_, _, batch_stats, total, (_, images)), (values, found) = jax.lax.scan(one, carry, length=synthesis_steps)
            last = jax.tree.map(lambda each: each[-1], found)
            statistics = jax.tree.map(
                lambda averaged, new: jnp.where(begun, averaged, new),
                blended(last, memory.statistics, batch_norm_memory),
                last,
            )
            state = state.replace(
                generator=moved(state.generator.replace(params=start), total, batch_stats, outer),
                memory=Memory(bank.append(memory.bank, to_pixels(images, mean, std)), statistics),
            )
            return state, {"generator_loss": values.mean(), "generator_gradient_norm": norm(total)}

        return step

    def turn(
        match: Match, of_student: optax.GradientTransformation, of_generator: optax.GradientTransformation
    ) -> Turn:
        student = replay_step(match, of_student, batch_size=batch_size, padding=padding, mean=mean, std=std)
        steps = {
            GENERATOR_STEP: guarded(synthesis(match, of_generator), GENERATOR_STEP),
            STUDENT_STEP: guarded(student, STUDENT_STEP),
        }
        return Turn(
            round=in_turn(steps[GENERATOR_STEP], repeat(steps[STUDENT_STEP], student_steps)),
            steps=steps,
            students=tuple(match.students),
            teacher_queries=(synthesis_steps + student_steps) * batch_size,
        )

    decisive = where_agreed(kl(1.0))
    return assemble(
        *networks,
        objective=Objective(kl(temperature), lambda seen, student: -decisive(seen, student)),
        turn=turn,
        batch_size=batch_size,
        student_steps=student_steps,
        rounds=rounds,
        turns=turns,
        memory=empty_memory(teacher, capacity=bank_capacity),
        **common,
    )


def _renewed(params: Any, key: Array, modules: Sequence[str], due: Array) -> Any:
    """The parameters, where due with new ones in these modules: N(0, 0.02^2), biases 0."""

    def new(module: str, key: Array) -> Any:
        keys = iter(jax.random.split(key, len(params[module])))
        return {
            name: jnp.where(due, 0.0 if name == "bias" else 0.02 * jax.random.normal(next(keys), leaf.shape), leaf)
            for name, leaf in sorted(params[module].items())
        }

    return params | {m: new(m, k) for m, k in zip(modules, jax.random.split(key, len(modules)), strict=True)}
