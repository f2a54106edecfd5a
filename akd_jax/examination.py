"""Saved networks measured thoroughly on one split: the students of a run, or a teacher."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from akd_jax import data, evaluate, saved_run, teacher_files
from akd_jax.compilation import options
from akd_jax.data import Images
from akd_jax.errors import InputError
from akd_jax.models import make_classifier
from akd_jax.models.network import on_pixels
from akd_jax.saved_run import SavedRun
from akd_jax.task import Task
from akd_jax.teacher import TeacherInfo
from akd_jax.training.judge import on_host, predictor
from akd_jax.types import Array, Network, Variables

BATCH_SIZE = 250

Figures = dict[str, Any]
"""network, data, split; images, top1, top5, loss, ece; agreement, kl and retention, top1 over the teacher's on the same
images (None without the teacher); classes: a row for each class, with its number, name, images and top1 (None without
images)."""


def of_teacher(logits: Array, held: Images, *, name: str, source: str, split: str) -> Figures:
    """A teacher by its logits [N, classes] on images [N, H, W, C]; name, source, split: what to call it and them."""
    return {"network": name, "data": source, "split": split} | _figures(logits, held, logits)


def logits_of_teacher(info: TeacherInfo, variables: Variables, held: Images) -> Array:
    """A teacher's logits [N, classes] on images that `load` gave."""
    network = make_classifier(info.arch, info.classes, image_size=held.images.shape[1])
    return _logits(network, variables, held, info.task)


def of_run(
    directory: Path, *, student: str | None, best: bool, source: str | None, data_dir: str | None, split: str
) -> Iterator[Figures]:
    """A run's students, or the one named, at the newest checkpoint or each at its best.

    source, data_dir: None for those that the run was evaluated on. Raises InputError.
    """
    config, task, _ = saved_run.describe(directory)
    if student not in (None, *config.students):
        raise InputError(f"--student {student}: {directory} has {', '.join(config.students)}")
    own = config.evaluation
    source, data_dir = source or own.data, data_dir or own.data_dir or None
    if not source:
        raise InputError(f"{directory} was trained without evaluation.data: give --data")
    held = load(task, source, data_dir, split, size=config.image_size)
    saved = saved_run.read(directory)  # last of what can be refused, since it takes longest
    names = [student] if student else config.students
    if best and not all(saved.progress.best[name].measures for name in names):
        raise InputError(f"{directory} was never evaluated, so no student has a best: leave --best out")
    teacher_logits = _teacher_logits(saved, held)
    for name in names:
        variables = saved.progress.best[name].variables if best else saved.progress.state.students[name].deployed
        logits = _logits(saved.experiment.students[name], variables, held, task)
        when = "at its best" if best else f"after {saved.progress.round} rounds"
        figures = _figures(logits, held, teacher_logits)
        yield {"network": f"{name} of {directory} {when}", "data": source, "split": split} | figures


def load(task: Task, source: str, data_dir: str | None, split: str, *, size: int | None = None) -> Images:
    """Images that networks of the task can be measured on. Raises InputError for data that are not there, or others.

    size: side of the images; None for any, since nobody knows what a teacher was trained on.
    """
    held = data.load(source, split, data_dir)
    shape = (size, size, task.channels) if size else (*held.images.shape[1:3], task.channels)
    data.check(held, f"{source} {split}", shape=shape, classes=task.classes)
    return held


def _logits(network: Network, variables: Variables, held: Images, task: Task) -> Array:
    look = predictor(on_pixels(network, task.mean, task.std), batch_size=BATCH_SIZE, options=options())
    return look(variables, held.images)


def _teacher_logits(saved: SavedRun, held: Images) -> Array | None:
    """None where the run has no teacher, or not at hand: what is missing is the agreement, not the accuracy."""
    if not saved.teacher_info:
        return None
    try:
        info, variables = teacher_files.load(saved.config.teacher)
    except InputError:
        return None
    if info.digest != saved.teacher_info.digest:
        return None
    return _logits(saved.experiment.teacher, saved.experiment.freeze(variables), held, info.task)


def _figures(logits: Array, held: Images, teacher_logits: Array | None) -> Mapping[str, Any]:
    measures = on_host(evaluate.measure(logits, held.labels, teacher_logits))
    counts, right = (values.tolist() for values in evaluate.by_class(logits, held.labels))
    names = held.names or [str(number) for number in range(len(counts))]
    classes = [
        {"class": number, "name": name, "images": count, "top1": round(hits / count, 6) if count else None}
        for number, (name, count, hits) in enumerate(zip(names, counts, right, strict=True))
    ]
    compared = {"agreement": None, "kl": None, "retention": _retention(measures["top1"], teacher_logits, held)}
    return {"images": len(held.labels), **compared, **measures, "classes": classes}


def _retention(top1: float, teacher_logits: Array | None, held: Images) -> float | None:
    teacher_top1 = 0.0 if teacher_logits is None else float(evaluate.top1(teacher_logits, held.labels))
    return round(top1 / teacher_top1, 4) if teacher_top1 else None
