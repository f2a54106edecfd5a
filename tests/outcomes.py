"""What runs left in their directories, to compare."""

import csv
import json

from akd_jax import metrics, workdir
from akd_jax.checkpoint import Checkpoints


def saved(directory):
    """What a run's newest checkpoint holds: the digest of its arrays, and its numbers but for wall-clock figures."""
    with Checkpoints(directory / workdir.CHECKPOINTS, keep=None) as checkpoints:
        record = checkpoints.record(checkpoints.steps()[0])
    return record["arrays"], record["meta"] | {"seconds": None}


def names(directory):
    """Of what lies in it."""
    return {path.name for path in directory.iterdir()}


def rows(directory):
    """The metrics without wall-clock figures."""
    return [
        {key: value for key, value in row.items() if not key.endswith(("seconds", "per_second"))}
        for row in metrics.read(directory / "metrics.jsonl")
    ]


def history(directory):
    """The evaluations without wall-clock figures."""
    with (directory / "history.csv").open(newline="") as file:
        return [
            {key: value for key, value in row.items() if not key.endswith("seconds")} for row in csv.DictReader(file)
        ]


def summary(directory):
    """Without wall-clock figures, and what one process took of the device."""
    measured = "seconds", "per_second", "mfu", "peak_memory_bytes"

    def without(pairs):
        return {key: value for key, value in pairs if not key.endswith(measured)}

    return json.loads((directory / "summary.json").read_text(), object_pairs_hook=without)


def assert_same_result(one, other):
    """Bit for bit."""
    for look in (rows, saved, history, summary):
        assert look(one) == look(other)
