"""A model in the layout of the Hugging Face hub: model.safetensors, config.json, and README.md, its card.

Source: https://github.com/huggingface/safetensors (Format) and https://huggingface.co/docs/hub/model-cards.
"""

import json
from collections.abc import Mapping

import numpy as np

from akd_jax.convert.layouts import SCALED_AFTERWARDS
from akd_jax.export import CARD, CONFIG, WEIGHTS
from akd_jax.export.facts import Facts

TYPES = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64"}


def encode(state_dict: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file: the header's length in 8 bytes, the header in JSON, the arrays one after the other.

    The same arrays give the same bytes, which the library's own writer does not promise: it shuffles the metadata.
    Raises KeyError for arrays that are of no type of TYPES.
    """
    # The wide ones first, so that every array begins at a multiple of its elements' size.
    arrays = sorted(state_dict.items(), key=lambda item: (-item[1].itemsize, item[0]))
    entries, end = {"__metadata__": dict(metadata)}, 0
    for name, array in arrays:
        start, end = end, end + array.nbytes
        entries[name] = {"dtype": TYPES[array.dtype.name], "shape": array.shape, "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    data = [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for _, array in arrays]
    return b"".join([len(header).to_bytes(8, "little"), header, *data])


def contents(weights: bytes, facts: Facts) -> dict[str, bytes]:
    """The files of a model's directory. weights: what `encode` gave."""
    config = json.dumps(facts.as_json(), indent=2, allow_nan=False) + "\n"
    return {WEIGHTS: weights, CONFIG: config.encode(), CARD: card(facts).encode()}


def card(facts: Facts) -> str:
    """README.md: what the model is, how good it was measured to be, how to feed it."""
    generator = facts.kind == "generator"
    lines = [
        "---",
        "license: unknown # yours to fill in: the teacher's licence, and its training data's, may reach this model",
        "library_name: pytorch",
        f"pipeline_tag: {'unconditional-image-generation' if generator else 'image-classification'}",
        "tags:",
        *(f"- {tag}" for tag in ("knowledge-distillation", "data-free", "akd_jax", facts.architecture)),
        "---",
        "",
        f"# {facts.architecture}, {facts.role}",
        "",
        *_origin(facts),
        "",
        f"- architecture `{facts.architecture}`, {facts.parameters:,} parameters, names of layout "
        f"`{facts.layout}`" + (", batch norms folded into the convolutions" if facts.batch_norms_folded else ""),
        *(_latents(facts) if generator else _images(facts)),
        "",
        "## Measured",
        "",
        *_measured(facts),
        "",
        "## Use",
        "",
        "```python",
        "from safetensors.torch import load_file",
        "",
        f"# network: your PyTorch {facts.architecture}, with the names that config.json calls the layout",
        f'network.load_state_dict(load_file("{WEIGHTS}"), strict=True)',
        "network.eval()",
        "```",
    ]
    return "\n".join(lines) + "\n"


def _origin(facts: Facts) -> list[str]:
    teacher, trained = facts.teacher, facts.rounds or 0
    described = teacher and (
        f"`{teacher['architecture']}` ({teacher['parameters']:,} parameters, weights `{teacher['digest']}`)"
    )
    return {
        "teacher": [f"A classifier converted from a PyTorch checkpoint: {described}."],
        "student": [
            f"Trained on labelled images ({facts.lessons})" + (f", with the teacher {described}." if teacher else ".")
        ]
        if facts.lessons
        else [
            f"Distilled without data (method `{facts.method}`, {trained:,} rounds) from the teacher "
            f"{described}: no training image was seen."
        ],
        "generator": [f"Draws the images that students of the teacher {described} were distilled on, without data."],
    }[facts.role]


def _images(facts: Facts) -> list[str]:
    side, channels, size = facts.image_size, facts.channels, facts.input_size
    enlarged = [] if size == side else [
        f"- the images are then enlarged to {size}x{size}, bilinearly with corners aligned (`align_corners=True`)"
    ]  # fmt: skip
    return [
        f"- {facts.classes} classes; images of {side}x{side} pixels, {channels} channels",
        f"- normalisation: (pixels / 255 - mean) / std, mean {facts.mean}, std {facts.std}, one a channel",
        *enlarged,
    ]


def _latents(facts: Facts) -> list[str]:
    side, channels = facts.image_size, facts.channels
    constants = f"mean {facts.mean}, std {facts.std}, one a channel"
    return [
        f"- {facts.latents} latents, standard normal, to images of {side}x{side} pixels, {channels} channels",
        f"- pixels are images * 255; networks see (images - mean) / std, {constants}"
        if facts.layout in SCALED_AFTERWARDS
        else f"- pixels are (images * std + mean) * 255, {constants}",
    ]


def _measured(facts: Facts) -> list[str]:
    if not facts.top1:
        return ["Not measured."]
    return ["| data | top-1 |", "|---|---|"] + [f"| {data} | {100 * top1:.2f} % |" for data, top1 in facts.top1.items()]
