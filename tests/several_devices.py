"""A process with eight simulated devices, which one has from its start or never: what they play, for test_devices.py.

It is given a directory, where it leaves facts.json, and which of GROUPS.
"""

import json
import re
import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tiny_models
from commands import CONSTANT, STUDENT, status
from outcomes import rows
from tiny_game import CLASSES, LATENTS, SIZE, constant, make_game, make_networks

from akd_jax import objectives, saved_run, sharding
from akd_jax.cli import train
from akd_jax.compilation import compiled
from akd_jax.methods.supervised import supervised
from akd_jax.optimizers import sgd
from akd_jax.steps import run_rounds
from akd_jax.training import dispatch
from akd_jax.types import Lessons

BATCH, EXAMPLES = 16, 32
LESSONS = (
    "--config",
    "teacher:digits",
    "--config.batch_size=16",
    "--config.accumulate=2",
    "--config.supervised.split=train[:64]",
    "--config.schedule.rounds_per_epoch=2",
    "--config.student_optimizer.warmup=0",
    "--config.evaluation.data=",
    "--config.compilation.options=('xla_backend_optimization_level=0',)",
)
SENDS = re.compile(
    r" (all-reduce|all-gather|all-to-all|ragged-all-to-all|reduce-scatter|collective-permute|collective-broadcast"
    r"|send|recv)(?:-start)?\("
)
"""Whatever goes from device to device, in a compiled program's text."""
QUICK = {"xla_backend_optimization_level": 0}


def in_float64(tree):
    return jax.tree.map(lambda leaf: leaf.astype(float) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree)


class Split:
    """As the placement has it that is the present one when a program is traced."""

    placement = sharding.ALONE

    def __call__(self, batch):
        return self.placement.split(batch)


def game(split, method="akd", **settings):
    """(a round of it, its first state, what it is given)."""

    def sample(key, *, num):
        return jax.random.normal(key, (num, LATENTS), float)

    made = make_game(method, sample_latents=sample, student_steps=2, batch_size=BATCH, split=split, **settings)
    return made.method.turns["small"].round, made.state, made.teacher_variables


def school(split):
    """With an average of the student."""
    _, students, _ = make_networks()
    method = supervised(
        None,
        {"small": students["small"]},
        loss=lambda target, outputs, labels: objectives.cross_entropy(outputs, labels),
        optimizer=lambda updates: sgd(constant(0.05), momentum=0.9, weight_decay=0.0),
        augment=lambda key, images: images,
        normalise=lambda images: images / 255.0 - 0.5,
        image_shape=(SIZE, SIZE, 1),
        batch_size=BATCH,
        examples=EXAMPLES,
        epochs=1,
        rounds_per_epoch=1,
        average=0.75,
        split=split,
    )
    images = jax.random.randint(jax.random.key(3), (EXAMPLES, SIZE, SIZE, 1), 0, 256).astype(jnp.uint8)
    lessons = Lessons(images, images[:, 0, 0, 0] % CLASSES, jax.random.key(4))
    return method.turns["small"].round, jax.jit(method.init, compiler_options=QUICK)(jax.random.key(0)), lessons


def play(round, placement, *arguments):
    """(state and metrics after two rounds, what the program sends between devices)."""
    state, given, key = map(placement.everywhere, arguments)
    step = run_rounds(round, 1)
    program = compiled(step, state, given, key, options=QUICK, donate=0, results=placement.results)
    for _ in range(2):  # it takes what it gave
        state, metrics = program(state, given, key)
    assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves((state, metrics)))
    return jax.device_get((state, metrics)), Counter(SENDS.findall(program.as_text()))


def whole_here(devices):
    """(how many devices have an array that is everywhere, how many have it once it is looked at, what it is then)."""
    everywhere = sharding.over(devices).everywhere(jnp.arange(3))
    here = sharding.on_one_device(everywhere)
    return len(everywhere.devices()), len(here.devices()), here.tolist()


def furthest(one, other):
    numbers = [[x for x in jax.tree.leaves(tree) if np.issubdtype(x.dtype, np.floating)] for tree in (one, other)]
    return max(float(np.abs(a - b).max()) for a, b in zip(*numbers, strict=True))


def compare(make, counts):
    """Of each count: how far state and metrics are from those of one device, and what was sent."""
    split, played = Split(), {}
    with jax.enable_x64(True):
        round, state, given = make(split)
        for count in counts:
            split.placement = sharding.over(jax.devices()[:count])
            begun = jax.tree.map(jnp.copy, in_float64(state))
            played[count] = play(round, split.placement, begun, in_float64(given), jax.random.key(0))
    (state, metrics), _ = played[1]
    return {
        count: {"state": furthest(state, found[0]), "metrics": furthest(metrics, found[1]), "sends": sends}
        for count, (found, sends) in played.items()
    }


def resume(root):
    """A run of an epoch on 4 devices goes on with another one on 1, 2 and 8."""
    begun, play = [], dispatch.play

    def noting(seats, *rest):
        begun.append(jax.device_get(seats[0].now.state))
        return play(seats, *rest)

    def go_on(directory, count, epochs):
        begun.clear()
        settings = f"--config.mesh.data={count}", f"--config.schedule.epochs={epochs}"
        assert (
            status(train, *LESSONS, f"--config.students={STUDENT}", *CONSTANT, *settings, "--workdir", directory) == 0
        )

    dispatch.play = noting
    go_on(root / "first", 4, 1)
    kept, ends, facts = saved_run.read(root / "first").progress.state, {}, {}
    for count in (1, 2, 8):
        directory = shutil.copytree(root / "first", root / f"{count}")
        go_on(directory, count, 2)
        same = jax.tree.all(jax.tree.map(np.array_equal, begun[0], jax.device_get(kept)))
        ends[count] = jax.device_get(saved_run.read(directory).progress.state)
        trained = [row for row in rows(directory) if row["kind"] == "train"]
        facts[count] = {"same start": same, "rows": len(trained), "far from one": furthest(ends[1], ends[count])}
    facts["moved"] = furthest(jax.device_get(kept), ends[1])
    return facts


GROUPS = {
    "quick": {
        "here": lambda root: whole_here(jax.devices()),
        "game": lambda root: compare(game, (1, 2, 4, 8)),
        "bank": lambda root: compare(partial(game, method="fast", bank_capacity=3 * BATCH), (1, 8)),
        "resumed": resume,
    },
    "slow": {
        "shared": lambda root: compare(partial(game, method="zskt"), (1, 8)),
        "replayed": lambda root: compare(partial(game, replay_decay=0.5), (1, 8)),
        "noisy": lambda root: compare(partial(game, method="nayer"), (1, 2)),
        "school": lambda root: compare(school, (1, 8)),
    },
}


if __name__ == "__main__":
    tiny_models.register()
    root, group = Path(sys.argv[1]), sys.argv[2]
    facts = {name: find(root) for name, find in GROUPS[group].items()}
    (root / "facts.json").write_text(json.dumps(facts))
