"""Methods that keep what they synthesise: the memory with its bank, students who learn from it, and their rounds."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct

from akd_jax import bank
from akd_jax.bank import Bank
from akd_jax.methods.assembly import assemble
from akd_jax.methods.match import GENERATOR_STEP, STUDENT_STEP, Match, learn
from akd_jax.objectives import Loss, Objective, adversarial, kl, where_agreed
from akd_jax.sharding import as_it_is
from akd_jax.steps import guarded, in_turn, repeat
from akd_jax.types import AKDState, Array, Method, Network, Outputs, Step, Turn, Variables

DECISIVE = where_agreed(kl(1.0))
"""CMI's decision-adversarial term, which those after it have too."""


@struct.dataclass
class Memory:
    """bank: the synthetic images.

    statistics: of the synthetic batches so far, a running average in the tree of `Outputs.batch_norm_inputs`; 0 while
    the bank is empty. more: what else a method keeps, likewise.
    """

    bank: Bank
    statistics: Any
    more: Any = ()


class Kept(NamedTuple):
    """What a method keeps beside images and statistics, as trees of shapes and dtypes.

    beside: of each image, as the bank has it. more: as the memory has it.
    """

    beside: Any = ()
    more: Any = ()


def nothing_more(seen: Outputs) -> Kept:
    """Whatever the teacher says."""
    return Kept()


def empty_memory(
    teacher: Network, *, capacity: int, keeps: Callable[[Outputs], Kept]
) -> Callable[[jax.ShapeDtypeStruct], Memory]:
    """For `assemble`: images [B, H, W, C] -> a memory with a bank of this capacity.

    keeps: the shapes of what the teacher says of these images -> what else there is.
    """

    def memory(images: jax.ShapeDtypeStruct) -> Memory:
        seen = jax.eval_shape(lambda key, given: look(teacher.init(key, given), given), jax.random.key(0), images)
        kept = keeps(seen)
        statistics, more = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (seen.batch_norm_inputs, kept.more)
        )
        return Memory(bank.empty(capacity, images.shape[1:], beside=kept.beside), statistics, more)

    def look(variables: Variables, images: Array) -> Outputs:
        return teacher.apply(variables, images, train=False)[0]

    return memory


def replay_step(
    match: Match,
    optimizer: optax.GradientTransformation,
    *,
    batch_size: int,
    augment: Callable[[Array, Array], Array],
    mix: Callable[[Array, Array], Array] | None = None,
    normalise: Callable[[Array], Array],
    split: Callable[[Array], Array],
) -> Step:
    """Each student takes one step down on images from the bank.

    normalise: pixels -> images as networks see them [B, H, W, C]; augment, then mix: (key, these) -> likewise.
    split: what the batch goes through, which may divide it among devices.
    Metrics: student_loss and student_gradient_norm of each.
    """

    def both(key: Array, images: Array) -> Array:
        augment_key, mix_key = jax.random.split(key)
        return mix(mix_key, augment(augment_key, images))

    seen = both if mix else augment

    def step(state: AKDState, teacher_variables: Variables, key: Array):
        sample_key, augment_key = jax.random.split(key)
        pixels, _ = bank.sample(state.memory.bank, sample_key, num=batch_size)
        images = seen(augment_key, normalise(split(pixels)))
        target, _ = match.teacher.apply(teacher_variables, images, train=False)
        return learn(match, state, images, target, optimizer=optimizer)

    return step


def replayed(
    teacher: Network,
    students: Mapping[str, Network],
    generator: Network,
    *,
    synthesis: Callable[[Match, optax.GradientTransformation], Step],
    syntheses: int,
    shown: int,
    filling_syntheses: int = 1,
    renewed: Callable[[Match], Step] | None,
    batch_size: int,
    student_steps: int,
    temperature: float,
    raised: Loss | None = DECISIVE,
    lesson: Callable[[Match, optax.GradientTransformation], Step] | None = None,
    bank_capacity: int,
    keeps: Callable[[Outputs], Kept] = nothing_more,
    normalise: Callable[[Array], Array],
    augment: Callable[[Array, Array], Array],
    mix: Callable[[Array, Array], Array] | None = None,
    split: Callable[[Array], Array] = as_it_is,
    **common: Any,
) -> Method:
    """The method whose rounds are `syntheses` syntheses, then `student_steps` student steps on images of the bank.

    Its samples are of the bank, as the generator, which is no more than a start for syntheses, draws none by itself.
    Students' loss is KL at `temperature`. raised: what a synthesis may raise, by default KL where they agree with the
    teacher; None where it is no business of theirs. lesson: (match, the students' optimizer) -> their step, by default
    `replay_step`.
    synthesis: (match, the generator's optimizer) -> a step that adds to the bank; shown: images that the teacher is
    shown in it. filling_syntheses: in a round in which students sit out, instead. renewed: the match -> a step before
    them, None for none. bank_capacity: images. keeps: as of `empty_memory`.
    normalise, augment, mix: as of `replay_step`.
    split, batch_size, common: as of `assemble`, but in one part; the teacher is not folded, for its batch norms are
    read.
    """

    def fill(
        match: Match, _: optax.GradientTransformation, of_generator: optax.GradientTransformation, *, times: int
    ) -> Turn:
        step = guarded(synthesis(match, of_generator), GENERATOR_STEP)
        before = [renewed(match)] if renewed else []
        return Turn(
            round=in_turn(*before, repeat(step, times)),
            steps={GENERATOR_STEP: step},
            students=tuple(match.students),
            teacher_queries=times * shown,
        )

    on_images = partial(replay_step, batch_size=batch_size, augment=augment, mix=mix, normalise=normalise, split=split)

    def turn(
        match: Match, of_student: optax.GradientTransformation, of_generator: optax.GradientTransformation
    ) -> Turn:
        filled = fill(match, of_student, of_generator, times=syntheses)
        student = guarded((lesson or on_images)(match, of_student), STUDENT_STEP)
        return Turn(
            round=in_turn(filled.round, repeat(student, student_steps)),
            steps={**filled.steps, STUDENT_STEP: student},
            students=filled.students,
            teacher_queries=filled.teacher_queries + student_steps * batch_size,
        )

    def sample(state: AKDState, key: Array, *, num: int) -> Array:
        """Of the bank; black ones while it is empty."""
        pixels, _ = bank.sample(state.memory.bank, key, num=num)
        return normalise(pixels)

    method = assemble(
        teacher,
        students,
        generator,
        objective=adversarial(kl(temperature), raised) if raised else Objective(kl(temperature), None),
        turn=turn,
        fill=partial(fill, times=filling_syntheses),
        batch_size=batch_size,
        student_steps=student_steps,
        accumulate=1,  # the batch of the lowest loss is kept, and a part is not one
        split=split,
        memory=empty_memory(teacher, capacity=bank_capacity, keeps=keeps),
        **common,
    )
    return method._replace(sample=sample)
