"""What the processes beside the first one do in a run: what it tells them."""

from pathlib import Path

from akd_jax import signals
from akd_jax.config import Config
from akd_jax.schedule import Dispatch
from akd_jax.training import dispatch, hosts
from akd_jax.training.found import told
from akd_jax.training.run import assemble
from akd_jax.types import AKDState


def follow(config: Config, directory: Path) -> None:
    """Computes with the first process, to which it passes signals on, until that ends; raises what that raises.

    It is told what the run is made of; then a state to go on from, the name of a turn to compile, or a dispatch to
    play.
    """
    with signals.awaited() as request:
        run, state = assemble(config, directory, told(config, hosts.hear(request.by or 0)))
        state, programs = run.placement.everywhere(state), {}
        while (order := hosts.hear(request.by or 0)) is not None:
            match order:
                case AKDState():
                    state = run.placement.everywhere(order)
                case str():
                    programs[order] = dispatch.compile_turn([run], order, [state])
                case Dispatch():
                    (state,), _ = programs[order.turn].play([state], order.rounds)
