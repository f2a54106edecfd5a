"""A trained network becomes a teacher: the arrays and the record that `akd-train` reads, and a PyTorch state dict."""

import dataclasses
from pathlib import Path

from akd_jax import files, saved_run, teacher_files
from akd_jax.convert.teacher import convert
from akd_jax.export import PYTORCH, formats, subject
from akd_jax.training.briefing import say

DIRECTORY, STATE_DICT = "teacher", "teacher.pth"


def graduate(directory: Path) -> None:
    """Leaves a run's only student in DIRECTORY and STATE_DICT of the run's directory, in place of an earlier one.

    It is the student at its best on the first split that the run measured it on, which is a validation part in the
    configs that ship; where it measured nothing, the last.
    """
    saved = saved_run.read(directory)
    name = saved.config.students[0]
    best = saved.progress.best[name]
    chosen = subject.of_student(directory, None, best=bool(best.measures), source=None, data_dir=None)
    data, _, verdict = formats.export(formats.in_layout(chosen, None), PYTORCH, fold_batch_norm=False, pixels=False)
    goal = directory / STATE_DICT
    files.write_bytes(goal, data)
    info, variables = convert(goal, arch=name, mean=saved.task.mean, std=saved.task.std)
    if "test" in best.measures:
        held = Path(saved.config.evaluation.data).name
        info = dataclasses.replace(info, top1={held: best.measures["test"]["top1"]})
    teacher_files.save(directory / DIRECTORY, info, variables, overwrite=True)
    measured = ", ".join(f"{split} {100 * measures['top1']:.2f} %" for split, measures in best.measures.items())
    after = best.round if best.measures else saved.progress.round
    say(f"the network after round {after} ({measured or 'not measured'}) is in {directory / DIRECTORY} and {goal}")
    say(verdict)
