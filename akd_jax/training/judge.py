"""The students of a run measured on labelled images: compiled networks, and figures on the host."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from akd_jax import collapse, evaluate
from akd_jax.compilation import Options
from akd_jax.data import Splits
from akd_jax.evaluate import Measures
from akd_jax.models.network import on_pixels
from akd_jax.training.run import Run
from akd_jax.types import AKDState, Array, Metrics, Network, Variables

Judge = Callable[[str, Variables], dict[str, Measures]]
"""(student's name, its variables) -> {split: its measures}."""

GeneratorJudge = Callable[[AKDState, Array], dict[str, Measures]]
"""(state, sample_key of its run) -> {student: what `collapse.measure` found}."""


class Pool(NamedTuple):
    """Images to measure on, and the splits that share them, so that each image is looked at once.

    images: uint8 [N, H, W, C]; labels: int32 [N]; teacher_logits: [N, classes], computed once; None without a teacher.
    splits: name -> positions [n] of its images.
    """

    images: Array
    labels: Array
    teacher_logits: Array | None
    splits: Mapping[str, Array]


class Evaluation(NamedTuple):
    """How good the students of a run are after its epochs, and at its end on splits that are read then only.

    Without labelled images neither judge finds anything; the generator's needs none, and finds nothing without a
    generator. teacher_top1: by split, of both; {} without a teacher.
    """

    during: Judge
    at_end: Judge
    generator: GeneratorJudge
    teacher_top1: dict[str, float]


def evaluation(run: Run) -> Evaluation:
    """The run's teacher looks at the images that it holds out, once; judges compare the students with it."""
    task, batch_size, teacher = run.task, run.config.evaluation.batch_size, run.experiment.teacher

    def look(network):
        return predictor(on_pixels(network, task.mean, task.std), batch_size=batch_size, options=run.options)

    def pool(splits: Splits) -> Pool:
        images = jnp.asarray(splits.held.images)
        chosen = {name: jnp.asarray(indices) for name, indices in splits.indices.items()}
        teacher_logits = teachers_logits(run.teacher_variables, images) if teacher else None
        return Pool(images, jnp.asarray(splits.held.labels), teacher_logits, chosen)

    teachers_logits = look(teacher) if teacher else None
    pools = [splits and pool(splits) for splits in (run.held.during, run.held.at_end)]
    predictors = {name: look(network) for name, network in run.experiment.students.items()}
    return Evaluation(
        *(judge(predictors, pool) if pool else abstain for pool in pools),
        generator=generator_judge(run) if run.experiment.generator else lambda state, sample_key: {},
        teacher_top1={
            name: on_host({"top1": evaluate.top1(pool.teacher_logits[chosen], pool.labels[chosen])})["top1"]
            for pool in pools
            if pool and teacher
            for name, chosen in pool.splits.items()
        },
    )


def predictor(network: Network, *, batch_size: int, options: Options) -> Callable[[Variables, Array], Array]:
    """(variables, images [N, H, W, C]) -> logits [N, classes], compiled."""
    return jax.jit(
        lambda variables, images: evaluate.predict(network, variables, images, batch_size=batch_size),
        compiler_options=dict(options),
    )


def judge(predictors: Mapping[str, Callable[[Variables, Array], Array]], pool: Pool) -> Judge:
    """Measures the students that the predictors belong to on the splits of a pool."""

    def of_teacher(chosen):
        return None if pool.teacher_logits is None else pool.teacher_logits[chosen]

    def judged(name, variables):
        logits = predictors[name](variables, pool.images)
        return {
            split: on_host(evaluate.measure(logits[chosen], pool.labels[chosen], of_teacher(chosen)))
            for split, chosen in pool.splits.items()
        }

    return judged


def abstain(name: str, variables: Variables) -> dict[str, Measures]:
    """The judge without labelled images."""
    return {}


def generator_judge(run: Run) -> GeneratorJudge:
    """Draws with a key of its own, the same every time."""
    method, networks = run.experiment.method, run.experiment.students

    def measured(state, teacher_variables, sample_key):
        images = method.sample(state, jax.random.fold_in(sample_key, 1), num=collapse.IMAGES)
        look = partial(evaluate.predict, images=images, batch_size=run.config.evaluation.batch_size)
        logits = {name: look(network, state.students[name].variables) for name, network in networks.items()}
        return collapse.measure(images, look(run.experiment.teacher, teacher_variables), logits)

    program = jax.jit(measured, compiler_options=dict(run.options))
    return lambda state, sample_key: {
        name: on_host(values) for name, values in program(state, run.teacher_variables, sample_key).items()
    }


def on_host(measures: Metrics) -> Measures:
    """Rounded to what float32 holds; None for what is not finite, which JSON does not have."""
    numbers = {key: round(float(value), 6) for key, value in measures.items()}
    return {key: number if math.isfinite(number) else None for key, number in numbers.items()}
