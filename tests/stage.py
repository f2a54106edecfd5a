"""Runs of the digits game that are prepared and compiled once, and played in as many directories as wanted."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from tiny_models import ARCH, STUDENTS, TEACHER

from akd_jax.cli.config_files import ConfigParser
from akd_jax.config_dict import from_dict
from akd_jax.methods import METHODS
from akd_jax.training import dispatch, loop, sweep_runs
from akd_jax.training.found import read
from akd_jax.training.judge import evaluation
from akd_jax.training.run import assemble
from akd_jax.training.sweep import members_of

PLAYED = tuple(next(name for name in METHODS if METHODS[name] is each) for each in dict.fromkeys(METHODS.values()))
"""Every method under its first name; several may stand for one."""
LEARNING = {"supervised.data": "digits", "supervised.split": "train[:48]", "supervised.distillation": 0.5}
"""What the supervised method needs beside TINY: three steps of eight images a round; others leave it aside."""
QUICKEST = {"method": "supervised", "teacher.path": "", "supervised.distillation": 0.0}
"""The settings of the game that takes the least to play, beside TINY."""
TINY = {
    "teacher.path": str(TEACHER),
    "teacher.arch": ARCH,
    "students": STUDENTS[:1],
    "batch_size": 8,
    "adversarial.student_steps": 2,
    "zskt.student_steps": 2,
    "dfq.student_steps": 2,
    "fast.student_steps": 2,
    "fast.synthesis_steps": 2,
    "fast.bank_capacity": 20,
    "nayer.syntheses": 1,
    "nayer.synthesis_steps": 2,
    "nayer.noise_layers": 1,
    "nayer.generator_life": 2,
    "nayer.student_steps": 2,
    "nayer.bank_capacity": 25,
    "deepinversion.synthesis_steps": 2,
    "deepinversion.student_steps": 2,
    "deepinversion.bank_capacity": 20,
    "cmi.synthesis_steps": 2,
    "cmi.student_steps": 2,
    "cmi.bank_capacity": 20,
    "cmi.negatives": 6,
    "spaceship.synthesis_steps": 2,
    "spaceship.student_steps": 2,
    "spaceship.bank_capacity": 20,
    "schedule.epochs": 2,
    "schedule.rounds_per_epoch": 3,
    "schedule.rounds_per_dispatch": 1,
    "evaluation.splits": ("validation[:32]",),
    "evaluation.final_splits": (),
    "samples": 4,
    "compilation.options": ("xla_backend_optimization_level=0",),  # quick to compile, and slow
}


def tiny(settings=()):
    """The config with these settings, full keys, beside TINY."""
    values = ConfigParser("config").parse("akd:digits")
    values.update_from_flattened_dict(TINY | LEARNING | dict(settings))
    return from_dict(values.to_dict())


class Stage:
    """settings: full keys, beside TINY. Those of a sweep make a stage for all its members together."""

    def __init__(self, directory, settings=()):
        self.config = tiny(settings)
        config = members_of(self.config)[0].config
        self._found = read(config, directory, force=False, fetch=False)
        self._run, self._state = assemble(config, directory, self._found)
        self._programs = {}
        self._judges = evaluation(self._run)

    def train(self, directory, *, play=dispatch.play, judges=None, **schedule):
        """`loop.train`, with a dispatch and with judges of the test's own."""
        config = dataclasses.replace(self.config, schedule=dataclasses.replace(self.config.schedule, **schedule))
        compile_turn = dispatch.compile_turn

        def assembled(config, directory, found):
            return self._run._replace(config=config, directory=directory), jax.tree.map(jnp.copy, self._state)

        def compiled(runs, turn, states):
            if turn not in self._programs:
                self._programs[turn] = compile_turn(runs, turn, states)
            return self._programs[turn]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweep_runs, "read", lambda *_, **__: self._found)
            patch.setattr(sweep_runs, "assemble", assembled)
            patch.setattr(loop, "evaluation", lambda run: self._judges._replace(**judges or {}))
            patch.setattr(dispatch, "compile_turn", compiled)
            patch.setattr(dispatch, "play", play)
            loop.train(config, directory)


def keys_of_steps(seed, round, student_steps):
    """(keys of a round's student steps, of its generator step), as key data."""
    game_key = jax.random.split(jax.random.key(seed), 3)[1]
    students, generator = jax.random.split(jax.random.fold_in(game_key, round))
    return jax.random.key_data(jax.random.split(students, student_steps)), jax.random.key_data(generator)


def poisoned(sample_latents, keys):
    """The sampler, but NaN for keys of this data [n, 2]."""
    keys = jnp.asarray(keys)

    def sample(key, **settings):
        bad = (keys == jax.random.key_data(key)).all(-1).any()
        return jnp.where(bad, jnp.nan, sample_latents(key, **settings))

    return sample
