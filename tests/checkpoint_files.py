"""Checkpoints built by hand, in both formats of PyTorch: a dict with one tensor `w`, VALUES as [2, 3]."""

import io
import pickle
import struct
import zipfile

import numpy as np

from akd_jax.convert.reader import MAGIC_NUMBER

VALUES = np.arange(6, dtype="<f4")
STORAGE = struct.pack("<q", 6) + VALUES.tobytes()
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    b"X\x03\x00\x00\x00cpuK\x06%sQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89}tR"
)
ZIP_PICKLE = b"\x80\x02}X\x01\x00\x00\x00w" + TENSOR % b"t" + b"s."
LEGACY_PICKLE = b"\x80\x02}X\x01\x00\x00\x00w" + TENSOR % b"Nt" + b"s."


def zipped(pickled=ZIP_PICKLE, data=None, compression=zipfile.ZIP_STORED, **members):
    """Bytes of a zip checkpoint. members: 'constants.pkl' and the like, added beside data.pkl."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        members = {"data.pkl": pickled, "byteorder": b"little"} | members
        for name, content in (members | {"data/0": VALUES.tobytes() if data is None else data}).items():
            archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def legacy(pickled=LEGACY_PICKLE, storage=STORAGE, keys=("0",)):
    """Bytes of a legacy checkpoint."""
    head = [pickle.dumps(part, 2) for part in (MAGIC_NUMBER, 1001, {"little_endian": True})]
    return b"".join([*head, pickled, pickle.dumps(list(keys), 2), storage])
