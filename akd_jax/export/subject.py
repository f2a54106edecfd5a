"""What is exported: a student, a teacher or a generator, with what is known about it and inputs to try it on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import data, saved_run, teacher_files
from akd_jax.config import Config
from akd_jax.errors import InputError
from akd_jax.evaluate import Measures
from akd_jax.export.facts import Facts
from akd_jax.families import family_of
from akd_jax.models import GENERATORS, MODELS, make_classifier, parameter_count
from akd_jax.models.folding import fold_batch_norms
from akd_jax.models.network import on_pixels
from akd_jax.report import to_pixels
from akd_jax.saved_run import SavedRun
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.types import Array, Network, Variables

EXAMPLES = 32


class Subject(NamedTuple):
    """A network in inference, in float32.

    variables: of NumPy. inputs: [N, ...] to compare both sides on, NumPy's; seen: what they are, for people.
    """

    network: Network
    variables: Variables
    inputs: np.ndarray
    seen: str
    facts: Facts

    @property
    def function(self) -> Callable[[Array], Array]:
        """inputs -> logits [N, classes], or images [N, H, W, C]."""
        return lambda inputs: _apply(self.network, self.variables, inputs)


def outputs_of(subject: Subject) -> np.ndarray:
    """What our network makes of the inputs, on the CPU."""
    with jax.default_device(jax.devices("cpu")[0]):
        return np.asarray(jax.jit(lambda v, x: _apply(subject.network, v, x))(subject.variables, subject.inputs))


def folded(subject: Subject) -> Subject:
    """Without the batch norms that a convolution can take over."""
    network, fold = fold_batch_norms(subject.network, subject.inputs)
    facts = replace(subject.facts, batch_norms_folded=True)
    return subject._replace(network=network, variables=fold(subject.variables), facts=facts)


def for_pixels(subject: Subject) -> Subject:
    """A classifier that takes bytes [N, H, W, C], the normalisation inside."""
    mean, std = subject.facts.mean, subject.facts.std
    pixels = to_pixels(subject.inputs, mean, std)
    network = on_pixels(subject.network, mean, std)
    return subject._replace(network=network, inputs=pixels, facts=replace(subject.facts, pixels=True))


def of_student(
    directory: Path, student: str | None, *, best: bool, source: str | None, data_dir: str | None
) -> Subject:
    """A run's student, at the newest checkpoint or at its best; None for the only one. Raises InputError.

    source, data_dir: of images to try it on, None for those that the run was evaluated on.
    """
    config, task, info = saved_run.describe(directory)
    if student not in (None, *config.students) or (student is None and len(config.students) > 1):
        asked = f"--student {student}" if student else "--student is missing"
        raise InputError(f"{asked}: {directory} has {', '.join(config.students)}")
    name = student or config.students[0]
    saved = saved_run.read(directory)
    chosen = saved.progress.best[name]
    if best and not chosen.measures:
        raise InputError(f"{directory} was never evaluated, so no student has a best: leave --best out")
    variables = chosen.variables if best else saved.progress.state.students[name].deployed
    rounds = chosen.round if best else saved.progress.round
    last = saved.progress.last[name] if saved.progress.evaluated == rounds else {}
    top1 = _named(config, chosen.measures if best else last)
    pixels, seen = _pixels(task, config.image_size, source, data_dir, saved)
    known = {"method": config.method, "rounds": rounds, "top1": top1, "teacher": _teacher(info)}
    if not saved.experiment.generator:
        known["lessons"] = f"{config.supervised.split} of {Path(config.supervised.data).name}"
    return _classifier("student", name, task, variables, pixels, seen, **known)


def of_teacher(directory: Path, *, image_size: int, source: str | None, data_dir: str | None) -> Subject:
    """A converted teacher; image_size: where no data say it. Raises InputError."""
    info, variables = teacher_files.read(directory)
    pixels, seen = _pixels(info.task, image_size, source, data_dir, None)
    top1 = {f"{Path(data).name} test": share for data, share in info.top1.items()}
    return _classifier("teacher", info.arch, info.task, variables, pixels, seen, top1=top1, teacher=_teacher(info))


def of_generator(directory: Path) -> Subject:
    """A run's generator at the newest checkpoint, with its running statistics. Raises InputError."""
    config, task, _ = saved_run.describe(directory)
    if family_of(config).keeps:  # its generator is a start of syntheses, or what the last of them left
        raise InputError(
            f"{directory} has no generator that draws by itself: {config.method} keeps the images that it makes in a "
            "bank, of which akd-sample draws; export a student"
        )
    saved, own = saved_run.read(directory), config.generator
    if not saved.experiment.generator:
        raise InputError(f"{directory} has no generator: its networks learnt from labelled images")
    variables = saved.progress.state.generator.variables
    network = GENERATORS[own.name].network(config.image_size, task.channels, own.width, mean=task.mean, std=task.std)
    latents = np.random.default_rng(0).normal(size=(EXAMPLES, own.latents)).astype(np.float32)
    facts = _facts(
        saved.task,
        variables,
        teacher=_teacher(saved.teacher_info),
        role="generator",
        kind="generator",
        architecture=own.name,
        image_size=config.image_size,
        latents=own.latents,
        width=own.width,
        method=config.method,
        rounds=saved.progress.round,
    )
    return Subject(network, _on_host(variables), latents, f"{EXAMPLES} latents", facts)


def _classifier(role, name, task, variables, pixels, seen, **known) -> Subject:
    size = pixels.shape[1]
    network = make_classifier(name, task.classes, image_size=size)
    images = ((pixels.astype(np.float32) / 255 - np.float32(task.mean)) / np.float32(task.std)).astype(np.float32)
    facts = _facts(
        task,
        variables,
        role=role,
        kind="classifier",
        architecture=name,
        image_size=size,
        input_size=MODELS[name].input_size or size,
        **known,
    )
    return Subject(network, _on_host(variables), images, seen, facts)


def _facts(task: Task, variables: Variables, **known: Any) -> Facts:
    return Facts(
        parameters=parameter_count(variables),
        channels=task.channels,
        classes=task.classes,
        mean=list(task.mean),
        std=list(task.std),
        **known,
    )


def _teacher(info: TeacherInfo | None) -> dict[str, Any]:
    return {"architecture": info.arch, "parameters": info.parameters, "digest": info.digest} if info else {}


def _named(config: Config, splits: Mapping[str, Measures]) -> dict[str, float]:
    """Top-1 by data and split; of a path its last part, since what is published should not tell of directories."""
    name = Path(config.evaluation.data).name
    return {f"{name} {split}": measures["top1"] for split, measures in splits.items()}


def _pixels(
    task: Task, size: int, source: str | None, data_dir: str | None, saved: SavedRun | None
) -> tuple[np.ndarray, str]:
    """(uint8 images, what they are): of the source, else of the run's own data, else generated, else noise.

    Raises InputError where a given source is not to be had or not of the network's kind.
    """
    if source:
        held = data.load_splits(source, ["test"], data_dir).held
        side = size if saved else held.images.shape[1]
        data.check(held, source, shape=(side, side, task.channels), classes=task.classes)
        return _some(held.images, source)
    own = saved.config.evaluation if saved else None
    if own and own.data:
        split = (own.final_splits or own.splits)[0]
        try:
            held = data.load_splits(own.data, [split], data_dir or own.data_dir or None, fetch=False).held
            data.check(held, own.data, shape=(size, size, task.channels), classes=task.classes)
            return _some(held.images, f"{own.data} {split}")
        except InputError:  # moved away since; images of the run's own will do
            pass
    if saved is None or not saved.experiment.generator:
        noise = np.random.default_rng(0).integers(0, 256, (EXAMPLES, size, size, task.channels))
        return noise.astype(np.uint8), f"{EXAMPLES} images of noise (--data gives real ones)"
    drawn = saved.experiment.method.sample(saved.progress.state, jax.random.key(0), num=EXAMPLES)
    return to_pixels(np.asarray(drawn), task.mean, task.std), f"{EXAMPLES} generated images"


def _some(images: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """From the whole range, since data may be sorted by class."""
    chosen = images[np.linspace(0, len(images) - 1, min(EXAMPLES, len(images))).astype(int)]
    return chosen, f"{len(chosen)} images of {name}"


def _apply(network: Network, variables: Variables, inputs: Array) -> Array:
    outputs = network.apply(variables, jnp.asarray(inputs), train=False)[0]
    return getattr(outputs, "logits", outputs)


def _on_host(variables: Variables) -> Variables:
    return jax.tree.map(np.asarray, variables)
