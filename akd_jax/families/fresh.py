"""Arguments of methods whose students learn from what the generator draws at the time, from their settings."""

from typing import Any

from akd_jax.config import Config
from akd_jax.errors import InputError, check_name
from akd_jax.families.family import Scene, counts
from akd_jax.methods import BATCH_STATS
from akd_jax.objectives import OBJECTIVES, diversity_loss


def adversarial(config: Config, scene: Scene) -> dict[str, Any]:
    own = config.adversarial
    check_name("adversarial.objective", own.objective, OBJECTIVES)
    check_name("adversarial.other_player", own.other_player, BATCH_STATS)
    drawn = config.batch_size // config.accumulate
    if own.replay_decay and drawn % 2:
        raise InputError(
            f"adversarial.replay_decay={own.replay_decay}: of every batch half is of the averaged generator, so "
            f"batch_size / accumulate, {drawn}, must be even"
        )
    weight = own.diversity_weight
    penalty = {"prior": lambda images, *_: weight * diversity_loss(images)} if counts(weight) else {}
    return {
        "objective": OBJECTIVES[own.objective](own.temperature),
        "other_player": own.other_player,
        "student_steps": own.student_steps,
        "teacher_steps": own.teacher_steps,
        "replay_decay": own.replay_decay,
        **penalty,
    }


def zskt(config: Config, scene: Scene) -> dict[str, Any]:
    check_name("zskt.student_statistics", config.zskt.student_statistics, BATCH_STATS)
    return dict(vars(config.zskt))


def dafl(config: Config, scene: Scene) -> dict[str, Any]:
    return dict(vars(config.dafl))


def dfq(config: Config, scene: Scene) -> dict[str, Any]:
    check_name("dfq.student_statistics", config.dfq.student_statistics, BATCH_STATS)
    return dict(vars(config.dfq))
