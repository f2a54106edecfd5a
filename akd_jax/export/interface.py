"""What an exported network takes and gives: names, shapes and constants."""

from akd_jax.export import STABLEHLO, WEIGHTS_ONLY
from akd_jax.export.facts import Facts

CHANNELS_LAST = (STABLEHLO,)  # of the formats; the others have a network's images as PyTorch does


def ends(facts: Facts) -> tuple[str, str]:
    """The names of the input and the output."""
    if facts.kind == "generator":
        return "latents", "images"
    return "pixels" if facts.pixels else "images", "logits"


def in_words(facts: Facts, format: str) -> str:
    """What to feed and what comes back."""
    given, wanted = ends(facts)
    side, channels = facts.image_size, facts.channels
    first = f"{given} float32 [batch, {facts.latents}], normal" if given == "latents" else _images(facts, format, given)
    last = f"[batch, {side}, {side}, {channels}]" if format in CHANNELS_LAST else f"[batch, {channels}, {side}, {side}]"
    shape = f"[batch, {facts.classes}]" if wanted == "logits" else f"{last}, pixels / 255 = x * std + mean"
    constants = "" if given == "pixels" else f"; mean {facts.mean}, std {facts.std}"
    return f"{first} -> {wanted} float32 {shape}{constants}"


def _images(facts: Facts, format: str, given: str) -> str:
    side, channels, size = facts.image_size, facts.channels, facts.input_size
    if given == "pixels":
        return f"pixels uint8 [batch, {side}, {side}, {channels}]"
    side = size if format in WEIGHTS_ONLY else side
    shape = f"{side}, {side}, {channels}" if format in CHANNELS_LAST else f"{channels}, {side}, {side}"
    enlarged = f", enlarged bilinearly from {facts.image_size} with corners aligned" if side != facts.image_size else ""
    return f"images float32 [batch, {shape}]{enlarged}, (pixels / 255 - mean) / std"
