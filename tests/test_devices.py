"""Several devices, simulated on the CPU: what they play together is what one plays."""

import devices
from commands import TINY, status

from akd_jax.cli import train

GAMES = """
import functools
import jax, jax.numpy as jnp, numpy as np
from tiny_game import LATENTS, make_game
from akd_jax import sharding
from akd_jax.compilation import compiled
from akd_jax.steps import run_rounds

QUICK = {"xla_backend_optimization_level": 0}


def play(count, *, dtype, times, student_steps, shard_optimizer=False):
    '''(the state afterwards, the metrics, how many all-reduces the program has).'''
    placement = sharding.over(jax.devices()[:count], shard_optimizer=shard_optimizer)
    sample = lambda key, *, num: jax.random.normal(key, (num, LATENTS), dtype)
    game = make_game(sample_latents=sample, student_steps=student_steps, batch_size=16, split=placement.split)
    cast = lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
    state, teacher = jax.tree.map(cast, (game.state, game.teacher_variables))
    state = placement.state(state)
    arguments = state, placement.everywhere(teacher), placement.everywhere(jax.random.key(0))
    step = run_rounds(game.method.turns["large"].round, 1)
    program = compiled(step, *arguments, options=QUICK, donate=0, results=placement.results(state))
    for _ in range(times):  # it takes what it gave
        state, metrics = program(state, *arguments[1:])
    if count > 1:
        assert_places(state, count, shard_optimizer)
    return jax.device_get(state), jax.device_get(metrics), program.as_text().count("all-reduce")


def assert_places(state, count, shard_optimizer):
    '''A device has its share of what is split, and the whole of everything else.'''
    for player in (*state.students.values(), state.generator):
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(player.variables))
        for leaf in jax.tree.leaves(player.opt_state):
            divides = shard_optimizer and any(size % count == 0 for size in leaf.shape)
            share = leaf.size // count if divides else leaf.size
            assert leaf.addressable_data(0).size == share, (leaf.shape, leaf.sharding)
    if shard_optimizer:
        kernel = max(jax.tree.leaves(state.generator.opt_state), key=lambda leaf: leaf.size)
        assert kernel.addressable_data(0).size * count == kernel.size


def furthest(one, other):
    numbers = lambda tree: [leaf for leaf in jax.tree.leaves(tree) if np.issubdtype(leaf.dtype, np.floating)]
    return max(float(np.abs(a - b).max()) for a, b in zip(numbers(one), numbers(other), strict=True))


def compare(tolerance, of_state, cases, **settings):
    state, metrics, reduced = play(1, **settings)
    assert reduced == 0
    for count, shard_optimizer in cases:
        after, measured, reduced = play(count, shard_optimizer=shard_optimizer, **settings)
        assert reduced > 0  # of statistics of batch norms too, which are those of the whole batch
        far = furthest(metrics, measured), furthest(state, after)
        assert far[0] <= tolerance and far[1] <= of_state, far
"""

IN_FLOAT64 = """
jax.config.update("jax_enable_x64", True)
# Biases before a batch norm have a gradient of zero, of whose rounding Adam makes steps.
compare(1e-12, 1e-9, [(2, False), (4, True), (8, False), (8, True)], dtype=jnp.float64, times=2, student_steps=3)
"""

IN_FLOAT32 = """
compare(1e-4, 1e-2, [(4, True)], dtype=jnp.float32, times=1, student_steps=1)
"""


def test_devices_play_the_game_of_one_in_float64():
    devices.run(GAMES + IN_FLOAT64, devices=8)


def test_a_round_in_float32_is_close():
    devices.run(GAMES + IN_FLOAT32, devices=8)


# A run of an epoch on 4 devices goes on with another one on 1, 2 and 8.
RESUMED = """
import shutil, sys
from pathlib import Path
import jax, numpy as np
from commands import CONSTANT, TINY, status
from outcomes import rows, saved
from akd_jax import dispatch, loop, saved_run
from akd_jax.cli import train

root, seen, play = Path(sys.argv[1]), [], dispatch.play


def noting(run, now, *rest):
    seen.append(jax.device_get(now.state))
    return play(run, now, *rest)


dispatch.play = noting


def go_on(directory, count, epochs, *more):
    seen.clear()
    settings = f"--config.mesh.data={count}", f"--config.schedule.epochs={epochs}", *more
    assert status(train, *TINY, *CONSTANT, *settings, "--workdir", directory) == 0


go_on(root / "first", 4, 1, "--config.mesh.shard_optimizer=true")
kept = saved_run.read(root / "first").progress.state
ended = {}
for count in (1, 2, 8):
    directory = shutil.copytree(root / "first", root / str(count))
    go_on(directory, count, 2, f"--config.mesh.shard_optimizer={count == 8}")
    assert jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b), seen[0], jax.device_get(kept))), count
    ended[count] = saved_run.read(directory).progress.state
    told = [row["student_loss"] for row in rows(directory) if row["kind"] == "train"]
    print(count, told)
    assert len(told) == 4
for count in (2, 8):
    far = jax.tree.map(lambda a, b: float(abs(a - b).max()), ended[1], ended[count])
    print(count, max(jax.tree.leaves(far)))
    assert max(jax.tree.leaves(far)) < 1e-2
"""


def test_a_run_goes_on_with_another_number_of_devices(tmp_path):
    """From the same numbers, bit for bit; what follows is the same but for rounding."""
    devices.run(RESUMED, devices=8, arguments=[tmp_path])


def test_more_devices_than_there_are(tmp_path, capsys):
    assert status(train, *TINY, "--config.mesh.data=4", "--workdir", tmp_path / "run") == 2
    assert "error: mesh.data=4: there is no such number of devices: JAX sees 1 device (cpu)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
