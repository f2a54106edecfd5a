"""optax chains from numbers, with PyTorch's order of operations."""

from collections.abc import Mapping, Sequence

import optax


def learning_rate(
    peak: float,
    *,
    schedule: str,
    steps: int,
    final: float = 0.0,
    milestones: Sequence[float] = (),
    warmup: float = 0.0,
) -> optax.Schedule:
    """Updates made so far -> learning rate.

    schedule: "constant"; "cosine" from `peak` to `final * peak` over `steps` updates; "multistep", a tenth of it from
    each of the milestones on, which are shares of `steps`. warmup: share of `steps` in which the rate first rises
    from 0 in a line; the schedule has the rest.
    """
    rising = round(warmup * steps)
    if rising:
        rest = learning_rate(peak, schedule=schedule, steps=max(steps - rising, 1), final=final, milestones=milestones)
        return optax.join_schedules([optax.linear_schedule(0.0, peak, rising), rest], [rising])
    return {
        "constant": lambda: optax.constant_schedule(peak),
        "cosine": lambda: optax.cosine_decay_schedule(peak, steps, alpha=final),
        "multistep": lambda: optax.piecewise_constant_schedule(peak, {round(m * steps): 0.1 for m in milestones}),
    }[schedule]()


def sgd(
    rate: optax.Schedule, *, momentum: float, weight_decay: float, nesterov: bool = False
) -> optax.GradientTransformation:
    """torch.optim.SGD: weight decay joins the gradient before the momentum, the rate comes last."""
    return optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.trace(momentum, nesterov=nesterov),
        optax.scale_by_learning_rate(rate),
    )


def adam(rate: optax.Schedule, *, beta1: float = 0.9, beta2: float = 0.999) -> optax.GradientTransformation:
    """torch.optim.Adam with its default epsilon, 1e-8."""
    return optax.adam(rate, b1=beta1, b2=beta2)


def clipped(optimizer: optax.GradientTransformation, norm: float) -> optax.GradientTransformation:
    """The optimizer of gradients that are shortened to this global norm where theirs is larger; 0 for any norm.

    torch.nn.utils.clip_grad_norm_.
    """
    return optax.chain(optax.clip_by_global_norm(norm), optimizer) if norm else optimizer


def by_name(optimizers: Mapping[str, optax.GradientTransformation]) -> optax.GradientTransformation:
    """One optimizer for a dict of trees, each of which has its own."""
    return optax.partition(optimizers, {name: name for name in optimizers})
