"""Learning from labelled images: how a teacher is trained, and what students reach that see the data.

Cross-entropy, and with a teacher the distillation of Hinton et al. 2015 (arXiv:1503.02531).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from akd_jax.methods.accumulation import accumulated, of_mean
from akd_jax.methods.players import averaged as with_average
from akd_jax.methods.players import moved, new_player
from akd_jax.norm import norm
from akd_jax.sharding import as_it_is
from akd_jax.steps import averaged, guarded
from akd_jax.types import AKDState, Array, Lessons, Method, Metrics, Network, Outputs, Step, Turn, Variables

LESSON = "student_step"

Loss = Callable[[Outputs | None, Outputs, Array], Array]
"""(teacher's outputs, None without one; student's; labels [B]) -> [B]."""


def supervised(
    teacher: Network | None,
    students: Mapping[str, Network],
    *,
    loss: Loss,
    optimizer: Callable[[int], optax.GradientTransformation],
    augment: Callable[[Array, Array], Array],
    normalise: Callable[[Array], Array],
    image_shape: tuple[int, int, int],
    batch_size: int,
    examples: int,
    epochs: int,
    rounds_per_epoch: int,
    accumulate: int = 1,
    turns: Sequence[Sequence[str]] = (),
    average: float = 0.0,
    distils: bool = True,
    split: Callable[[Array], Array] = as_it_is,
) -> Method:
    """An epoch of a turn shows its students `rounds_per_epoch` equal parts of the images, in a new order each time.

    A round is one of the parts, in steps of `batch_size`; what is left of an epoch's images after its last whole step
    is not shown in it. optimizer: (updates in the whole run) -> optimizer.
    augment: (key, pixels [B, H, W, C]) -> the same shape; normalise: pixels -> images as networks see them.
    examples: how many images there are. accumulate: in how many parts a step learns from its batch (`accumulated`), a
    divisor of batch_size. turns: the students of each turn; none stands for a turn for each.
    average: decay of a moving average that each student keeps of itself; 0 for none. distils: whether the loss looks at
    the teacher.
    split: what every batch of positions goes through, which may divide it among devices (`sharding.Placement`).
    Raises ValueError where the images are too few for a step a round.
    """
    teacher = teacher if distils else None
    steps = examples // (batch_size * rounds_per_epoch)
    if not steps:
        raise ValueError(f"{examples} images are too few for {rounds_per_epoch} rounds of batches of {batch_size}")
    of_student = of_mean(optimizer(steps * rounds_per_epoch * epochs), accumulate)

    def turn(names: Sequence[str]) -> Turn:
        learners = {name: students[name] for name in names}
        learn = lesson(teacher, learners, of_student, loss, augment, normalise)

        def shown(state: AKDState, given: tuple[Lessons, Array], key: Array):
            """What is shown of the lessons are the images at these positions [B]."""
            lessons, positions = given[0], split(given[1])
            images, labels = lessons.images[positions], lessons.labels[positions]
            return learn(state, lessons.replace(images=images, labels=labels), key)

        def share(given: tuple[Lessons, Array], part: Array):
            lessons, positions = given
            return lessons, positions.reshape(accumulate, -1)[part]

        step = guarded(averaging(accumulated(shown, accumulate, share=share), names, average), LESSON)

        def round(state: AKDState, lessons: Lessons, key: Array):
            part = state.step % rounds_per_epoch
            chosen = order(lessons, state.step // rounds_per_epoch)
            chosen = jax.lax.dynamic_slice_in_dim(chosen, part * steps * batch_size, steps * batch_size)

            def one(state, drawn):
                positions, key = drawn
                return step(state, (lessons, positions), key)

            drawn = chosen.reshape(steps, batch_size), jax.random.split(key, steps)
            state, metrics = jax.lax.scan(one, state, drawn)
            return state, averaged(metrics)

        images = steps * batch_size
        queries = images if teacher else 0
        return Turn(round, {LESSON: step}, students=tuple(names), teacher_queries=queries, lessons=images)

    def init(key: Array) -> AKDState:
        """Fresh students, each initialised with a key of its own."""
        images = jnp.zeros((batch_size, *image_shape))
        return AKDState(
            step=jnp.zeros((), jnp.int32),
            students={
                name: new_player(network, of_student, student_key, images, average=bool(average))
                for (name, network), student_key in zip(
                    students.items(), jax.random.split(key, len(students)), strict=True
                )
            },
            generator=(),
        )

    turns = turns or [(name,) for name in students]
    return Method(init, {"+".join(names): turn(names) for names in turns}, sample=None)


def order(lessons: Lessons, epoch: Array) -> Array:
    """[N], the order in which an epoch shows the images; epoch: [], counted from 0."""
    return jax.random.permutation(jax.random.fold_in(lessons.order, epoch), len(lessons.labels))


def lesson(
    teacher: Network | None,
    students: Mapping[str, Network],
    optimizer: optax.GradientTransformation,
    loss: Loss,
    augment: Callable[[Array, Array], Array],
    normalise: Callable[[Array], Array],
) -> Step:
    """Each student takes one step on one batch, which is what the step is given: `Lessons` of as many images.

    Metrics: student_loss, student_gradient_norm and top1, of these images as they were learnt from, of each.
    """

    def step(state: AKDState, batch: Lessons, key: Array) -> tuple[AKDState, Metrics]:
        images = normalise(augment(key, batch.images))
        target = teacher.apply(batch.teacher, images, train=False)[0] if teacher else None

        def learn(network, player):
            def mean_loss(params):
                outputs, batch_stats = network.apply(Variables(params, player.batch_stats), images, train=True)
                return loss(target, outputs, batch.labels).mean(), (batch_stats, outputs.logits)

            (value, (batch_stats, logits)), gradients = jax.value_and_grad(mean_loss, has_aux=True)(player.params)
            player = moved(player, gradients, batch_stats, optimizer)
            return player, value, norm(gradients), (logits.argmax(-1) == batch.labels).mean()

        learnt = {name: learn(network, state.students[name]) for name, network in students.items()}
        players, losses, norms, right = ({name: each[i] for name, each in learnt.items()} for i in range(4))
        metrics = {"student_loss": losses, "student_gradient_norm": norms, "top1": right}
        return state.replace(students={**state.students, **players}), metrics

    return step


def averaging(step: Step, names: Sequence[str], decay: float) -> Step:
    """The step, after which the moving averages that these students keep are a step later too."""

    def followed(state: AKDState, given: Any, key: Array) -> tuple[AKDState, Metrics]:
        state, metrics = step(state, given, key)
        players = {name: with_average(state.students[name], decay) for name in names}
        return state.replace(students=state.students | players), metrics

    return followed
