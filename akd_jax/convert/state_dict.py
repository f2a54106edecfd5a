"""The state dict in what a checkpoint holds, wherever it hides."""

from typing import Any

import numpy as np

from akd_jax.convert.reader import module_state_dict
from akd_jax.convert.unpickle import CheckpointError, Inert

WRAPPERS = ("state_dict", "model_state_dict", "net", "model")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
IGNORED = ("num_batches_tracked",)


def find_state_dict(checkpoint: Any, key: str | None = None) -> dict[str, np.ndarray]:
    """The state dict in what `read_checkpoint` gave: at the root, under one of WRAPPERS, or under `key`.

    Prefixes that every name has are taken off, bookkeeping that no inference needs is dropped.
    Raises CheckpointError where there is none.
    """
    if isinstance(checkpoint, Inert):
        checkpoint = module_state_dict(checkpoint)
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f"holds a {type(checkpoint).__name__}: save model.state_dict() instead")
    wanted = [key] if key else [wrapper for wrapper in WRAPPERS if isinstance(checkpoint.get(wrapper), dict)]
    if key and not isinstance(checkpoint.get(key), dict):
        raise CheckpointError(f"has no state dict under {key!r}; it has {', '.join(map(str, checkpoint))}")
    found = checkpoint[wanted[0]] if wanted else checkpoint
    tensors = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, np.ndarray)}
    if not tensors:
        raise CheckpointError(f"holds no weights at its root nor under {', '.join(WRAPPERS)}; try --key")
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return {name: value for name, value in tensors.items() if not name.endswith(IGNORED)}
