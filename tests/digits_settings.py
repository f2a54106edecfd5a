"""Settings of the digits game, changed as a test needs them, and what its networks see and say."""

import akd

from akd_jax.config_dict import from_dict
from akd_jax.task import Task


def config(**changes):
    return from_dict(akd.get_config("digits").to_dict() | changes)


def task_of(settings):
    return Task(10, 1, settings.teacher.mean, settings.teacher.std)
