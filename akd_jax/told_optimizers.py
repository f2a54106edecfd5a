"""Optimizers as settings tell them."""

from akd_jax import optimizers
from akd_jax.config import AdamConfig, RateConfig, SgdConfig


def sgd(config: SgdConfig, updates: int):
    """For a run of so many updates."""
    optimizer = optimizers.sgd(
        _rate(config, updates),
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.nesterov,
    )
    return optimizers.clipped(optimizer, config.clip)


def adam(config: AdamConfig, updates: int, *, times: int = 1):
    """For a run of so many updates; times: what its rate is multiplied with."""
    rate = _rate(config, updates)
    optimizer = optimizers.adam(lambda update: times * rate(update), beta1=config.beta1, beta2=config.beta2)
    return optimizers.clipped(optimizer, config.clip)


def _rate(config: RateConfig, updates: int):
    return optimizers.learning_rate(
        config.learning_rate,
        schedule=config.schedule,
        steps=max(updates, 1),  # a run of no rounds
        final=config.final,
        milestones=config.milestones,
        warmup=config.warmup,
    )
