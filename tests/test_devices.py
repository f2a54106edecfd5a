"""Several devices, simulated on the CPU: latents split among them give the losses of one device."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIMULATED = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "PYTHONPATH": "tests", "JAX_PLATFORMS": "cpu"}

SCRIPT = """
import jax, jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np
from tiny_game import LATENTS, make_game
from akd_jax.steps import run_rounds

jax.config.update("jax_enable_x64", True)
devices = np.array(jax.devices())
assert len(devices) == 4
split = NamedSharding(Mesh(devices, ("data",)), PartitionSpec("data"))

def losses(constrain):
    def sample(key, *, num):
        return constrain(jax.random.normal(key, (num, LATENTS), jnp.float64))

    game = make_game(sample_latents=sample, student_steps=3, batch_size=8)
    wide = lambda leaf: leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
    state, teacher = jax.tree.map(wide, (game.state, game.teacher_variables))
    arguments = state, teacher, jax.random.key(0)
    program = jax.jit(run_rounds(game.method.turns["large"].round, 3)).lower(*arguments).compile()
    _, metrics = program(*arguments)
    numbers = [leaf for leaf in jax.tree.leaves(metrics) if leaf.dtype != bool]  # the others are flags
    return numbers, program.as_text().count("all-reduce")

one, none = losses(lambda latents: latents)
four, many = losses(lambda latents: jax.lax.with_sharding_constraint(latents, split))
assert none == 0 and many > 0, (none, many)  # statistics of batch norms are those of the whole batch
for own, other in zip(four, one):
    assert float(jnp.abs(own - other).max()) <= 1e-12, (own, other)
"""


def test_four_devices_give_the_losses_of_one():
    command = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | SIMULATED, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-2000:]
