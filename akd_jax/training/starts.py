"""What students begin with that do not begin afresh."""

import dataclasses
from itertools import zip_longest

import jax
import jax.numpy as jnp

from akd_jax import teacher_files
from akd_jax.config import Config
from akd_jax.errors import InputError, warn
from akd_jax.experiment import Experiment
from akd_jax.inheritance import inherited
from akd_jax.task import Task
from akd_jax.training.facts import Facts
from akd_jax.types import Variables


def load_starts(config: Config, facts: Facts, experiment: Experiment) -> dict[str, Variables]:
    """Student -> the weights that it begins with, as of `starting_from`: the teacher's, or a file's. Raises InputError
    for students that cannot have these.
    """
    return _inherit(config, facts, experiment) | _load(config, facts.task)


def heirs(config: Config) -> list[str]:
    """Students that begin with what they have in common with the teacher."""
    given = zip_longest(config.students, config.student_weights, fillvalue="")
    return [name for name, path in given if config.inherit and not path]


def _inherit(config: Config, facts: Facts, experiment: Experiment) -> dict[str, Variables]:
    """What students have in common with the teacher. Warns where that is nothing; raises InputError where it is all."""
    if heirs(config) and not facts.teacher:
        raise InputError("inherit=True: there is no teacher; give teacher.path")
    size = config.image_size
    images = jax.ShapeDtypeStruct((1, size, size, facts.task.channels), jnp.float32)
    found = {}
    for name in heirs(config):
        if name == facts.teacher.arch:
            raise InputError(f"inherit=True: {name} is the teacher's own network, and would have nothing left to learn")
        own = jax.eval_shape(experiment.students[name].init, jax.random.key(0), images)
        if jax.tree.leaves(common := inherited(own, facts.variables)):
            found[name] = common
        else:
            warn(f"inherit=True: {name} has no layer of {facts.teacher.arch}, and begins afresh")
    return found


def _load(config: Config, task: Task) -> dict[str, Variables]:
    """The weights that students begin with, of those that begin with any. Raises InputError."""
    starts = {}
    for name, path in zip(config.students, config.student_weights, strict=False):
        if path:
            wanted = dataclasses.replace(config.teacher, path=path, arch=name, mean=task.mean, std=task.std)
            try:
                loaded, variables = teacher_files.load(wanted)
            except InputError as error:
                raise InputError(f"student_weights for {name}: {error}") from None
            if (loaded.arch, loaded.classes, loaded.channels) != (name, task.classes, task.channels):
                raise InputError(
                    f"student_weights: {path} is a {loaded.arch} of {loaded.classes} classes, wanted a {name} of "
                    f"{task.classes}"
                )
            starts[name] = variables
    return starts
