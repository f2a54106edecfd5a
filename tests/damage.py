"""What disks do to a checkpoint, the directory of one step: name -> (directory) -> None."""

import json
import shutil


def data_file(directory):
    """The one that holds the arrays."""
    return max((directory / "state" / "ocdbt.process_0" / "d").iterdir(), key=lambda path: path.stat().st_size)


def tree_file(directory):
    """The one that says where they lie in it."""
    (path,) = (directory / "state" / "d").iterdir()
    return path


def flip(path, place):
    """One bit."""
    values = bytearray(path.read_bytes())
    values[place] ^= 1
    path.write_bytes(values)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def improve(directory):
    """A number in the record beside the arrays."""
    path = directory / "meta" / "metadata"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"meta": record["meta"] | {"seconds": 0.0}}))


def unsign(directory):
    """The digest of the record, taken away."""
    path = directory / "meta" / "metadata"
    record = json.loads(path.read_text())
    del record["digest"]
    path.write_text(json.dumps(record))


DAMAGES = {
    "a byte of the arrays": lambda directory: flip(data_file(directory), data_file(directory).stat().st_size // 2),
    "a byte of the arrays' metadata": lambda directory: flip(tree_file(directory), 20),
    "a number of the record": improve,
    "a record without its digest": unsign,
    "arrays cut short": lambda directory: truncate(data_file(directory)),
    "a record cut short": lambda directory: truncate(directory / "meta" / "metadata"),
    "no arrays": lambda directory: data_file(directory).unlink(),
    "no record": lambda directory: shutil.rmtree(directory / "meta"),
    "an empty directory": lambda directory: [shutil.rmtree(directory), directory.mkdir()],
}
