"""The formats: how each is written, and what its own runtime makes of what was written."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from akd_jax import __version__
from akd_jax.convert.layouts import SCALED_AFTERWARDS, layouts_of, to_state_dict, to_variables
from akd_jax.errors import ExportError, InputError
from akd_jax.export import ONNX, PYTORCH, SAFETENSORS, STABLEHLO, hugging_face, onnx_translation, stablehlo, torch_file
from akd_jax.export.facts import Facts
from akd_jax.export.interface import ends
from akd_jax.export.subject import Subject, folded, for_pixels, outputs_of
from akd_jax.optional import why_missing
from akd_jax.pixels import normalised

TOLERANCE = 1e-5


class Format(NamedTuple):
    """encode: a subject as bytes. outputs: (bytes, subject) -> what the runtime makes of the subject's inputs.

    needs: a library for the writing, "" for none. runtime: the one for the reading.
    """

    encode: Callable[[Subject], bytes]
    outputs: Callable[[bytes, Subject], np.ndarray]
    needs: str
    runtime: str


def export(subject: Subject, format: str, *, fold_batch_norm: bool, pixels: bool) -> tuple[bytes, Facts, str]:
    """(the subject in the format, its facts, what its own runtime says to it).

    Raises ExportError where that makes of the inputs what differs from ours by more than TOLERANCE.
    """
    exported = folded(subject) if fold_batch_norm else subject
    exported = for_pixels(exported) if pixels else exported
    data = FORMATS[format].encode(exported)
    if reason := why_unverified(format):
        return data, exported.facts, f"not verified: {reason}"
    found = difference(FORMATS[format].outputs(data, exported), outputs_of(subject))
    said = f"differ by {found:.1e} of the largest on {subject.seen}"
    if not found <= TOLERANCE:
        raise ExportError(f"{FORMATS[format].runtime} reads something else: its outputs {said}; nothing written")
    return data, exported.facts, f"verified: what {FORMATS[format].runtime} makes of it and ours {said}"


def check_installed(format: str) -> None:
    """Raises InputError where the library that writes the format is missing."""
    library = FORMATS[format].needs
    if library and (reason := why_missing(library)):
        raise InputError(f"--format {format} needs {library} ({reason}): pip install 'akd_jax[export]'")


def why_unverified(format: str) -> str:
    """Why what was written cannot be read back by its own runtime, "" if it can."""
    library = FORMATS[format].runtime
    return f"{library} is not installed" if why_missing(library) else ""


def in_layout(subject: Subject, layout: str | None) -> Subject:
    """With the names of the layout; None for DFAD's and the seed's where the network has such, else its usual ones.

    Raises InputError for a layout that the network has no names in.
    """
    known = layouts_of(subject.variables)
    if layout not in (None, *known):
        raise InputError(f"--layout {layout}: {subject.facts.architecture} has names in {', '.join(known)} only")
    chosen = layout or ("cifar" if "cifar" in known else known[0])
    return subject._replace(facts=replace(subject.facts, layout=chosen))


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference of two arrays, as a share of the largest number in the one wanted."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def _state_dict(subject: Subject) -> dict[str, np.ndarray]:
    """With the counters that PyTorch's batch norms have."""
    arrays = to_state_dict(subject.variables, subject.facts.layout)
    norms = [name.removesuffix("running_mean") for name in arrays if name.endswith("running_mean")]
    return arrays | {f"{norm}num_batches_tracked": np.array(0) for norm in norms}


def _torch_outputs(data: bytes, subject: Subject) -> np.ndarray:
    from akd_jax import torch_networks  # PyTorch is no requirement

    module = torch_networks.read(data, folded=subject.facts.batch_norms_folded)
    outputs = torch_networks.outputs_of(module, subject.inputs, size=subject.facts.input_size)
    if subject.facts.layout in SCALED_AFTERWARDS:
        return normalised(outputs, subject.facts.mean, subject.facts.std)
    return outputs


def _safetensors(subject: Subject) -> bytes:
    return hugging_face.encode(_state_dict(subject), {"format": "pt"} | metadata(subject))


def _safetensors_outputs(data: bytes, subject: Subject) -> np.ndarray:
    """safetensors has no networks, so ours takes the arrays that it read."""
    from safetensors.numpy import load

    arrays = {name: value for name, value in load(data).items() if not name.endswith("num_batches_tracked")}
    variables = to_variables(arrays, subject.variables, subject.facts.layout)
    return outputs_of(subject._replace(variables=variables))


def _stablehlo(subject: Subject) -> bytes:
    return stablehlo.encode(subject.function, subject.inputs)


def _stablehlo_outputs(data: bytes, subject: Subject) -> np.ndarray:
    with jax.default_device(jax.devices("cpu")[0]):
        return np.asarray(jax.export.deserialize(bytearray(data)).call(subject.inputs))


def _onnx(subject: Subject) -> bytes:
    return onnx_translation.encode(
        subject.function, subject.inputs, names=ends(subject.facts), metadata=metadata(subject)
    )


def _onnx_outputs(data: bytes, subject: Subject) -> np.ndarray:
    import onnxruntime

    inputs = subject.inputs
    if inputs.ndim == 4 and inputs.dtype == np.float32:
        inputs = inputs.transpose(0, 3, 1, 2)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {ends(subject.facts)[0]: inputs})
    return outputs.transpose(0, 2, 3, 1) if outputs.ndim == 4 else outputs


def metadata(subject: Subject) -> Mapping[str, str]:
    """The facts as strings, for formats that have a place for them."""
    facts = subject.facts.as_json() | {"akd_jax": __version__}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}


FORMATS = {
    PYTORCH: Format(lambda subject: torch_file.encode(_state_dict(subject)), _torch_outputs, "", "torch"),
    SAFETENSORS: Format(_safetensors, _safetensors_outputs, "", "safetensors"),
    STABLEHLO: Format(_stablehlo, _stablehlo_outputs, "flatbuffers", "jax.export"),
    ONNX: Format(_onnx, _onnx_outputs, "onnx", "onnxruntime"),
}
