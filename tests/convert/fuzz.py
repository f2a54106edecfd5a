"""Converts damaged copies of checkpoints and counts what happens.

    python tests/convert/fuzz.py --cases 500 --seed 0 FILE...

Prints JSON. Every case is one file with one kind of damage. What may happen to it:
  refused         InputError, in one line
  intact          converted into the arrays of the undamaged file
  as the file     converted into other arrays, which PyTorch reads from the same bytes too: the legacy format has no
                  checksum, so a number that was changed is just another number
Anything else is under `wrong`, with the case that shows it: another exception, other arrays, a module imported, a
process started or a file written on the way, more than TIME_LIMIT seconds.
"""

import argparse
import codecs
import json
import platform
import random
import resource
import signal
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import akd_jax
from akd_jax.convert.architecture import channels_of
from akd_jax.convert.layouts import shapes_of, to_state_dict
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.state_dict import find_state_dict
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError

TIME_LIMIT = 10
EDGE = 8192  # bytes at both ends, where the pickles and the archive's directory are: half of the damage is there
STRIKING = [0, 1, 0x7F, 0xFF, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
FORBIDDEN = {
    "import",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
    "exec",
    "compile",
}


class Watch:
    """Notes events that reading a file must not cause, while it is on. Hooks cannot be taken off again."""

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self.look)

    def look(self, event, args):
        if self.on and (event in FORBIDDEN or (event == "open" and args[1] and set(str(args[1])) & set("wax+"))):
            self.seen.append(f"{event} {args[0]!r:.60}")


def damaged(content, chance):
    """(what was done, the bytes)."""

    def place(length=1):
        end = len(content) - length
        edge = chance.randrange(min(EDGE, end))
        return chance.choice([chance.randrange(end), chance.randrange(end), edge, end - 1 - edge])

    new = bytearray(content)
    kind = chance.choice(["flip", "flip", "overwrite", "truncate", "insert", "delete", "repeat"])
    if kind == "flip":
        for _ in range(chance.choice([1, 1, 2, 16])):
            new[place()] ^= 1 << chance.randrange(8)
    elif kind == "overwrite":
        size = chance.choice([1, 2, 4, 8])
        number = (chance.choice(STRIKING) % 256**size).to_bytes(size, chance.choice(["little", "big"]))
        start = place(size)
        new[start : start + size] = number
    elif kind == "truncate":
        del new[place() :]
    else:
        size = chance.choice([1, 4, 64, 1024])
        start = place(size)
        if kind == "insert":
            new[start:start] = chance.randbytes(size)
        elif kind == "delete":
            del new[start : start + size]
        else:
            new[start:start] = content[start : start + size]
    return kind, bytes(new)


def pytorch_reads(path, info, variables):
    """Whether PyTorch reads these arrays from the file."""
    loaded = torch.load(path, weights_only=True, map_location="cpu")

    def arrays(value):
        if isinstance(value, dict):
            return {name: arrays(inner) for name, inner in value.items()}
        return value.detach().float().numpy() if isinstance(value, torch.Tensor) else value

    theirs = find_state_dict(arrays(loaded), info.key).tensors
    ours = to_state_dict(variables, info.layout)
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)


class Original(NamedTuple):
    """An undamaged file. digest: of the arrays that it is converted into."""

    name: str
    content: bytes
    channels: int
    digest: str


def undamaged(path):
    channels = channels_of(shapes_of(find_state_dict(read_checkpoint(path)).tensors))
    return Original(path.name, path.read_bytes(), channels, converted(path, channels)[0].digest)


def converted(path, channels):
    return convert(path, arch="auto", mean=(0.5,) * channels, std=(0.5,) * channels)


def outcome(path, original):
    """What happens to a damaged copy, or how to find out once the watch is off."""
    try:
        info, variables = converted(path, original.channels)
    except InputError as error:
        return "refused" if "\n" not in str(error) and len(str(error)) < 20_000 else f"a message of {len(str(error))}"
    except TimeoutError:
        return f"over {TIME_LIMIT} seconds"
    except BaseException as error:
        return f"{type(error).__name__}: {error!s:.100}"
    if info.digest == original.digest:
        return "intact"
    return lambda: "as the file" if pytorch_reads(path, info, variables) else "other arrays than PyTorch's"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()

    def too_long(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    originals = [undamaged(path) for path in flags.files]
    counts, wrong = {original.name: Counter() for original in originals}, []
    for codec in ("cp437", "unicode_escape", "raw_unicode_escape"):  # Python loads its own when first needed
        codecs.lookup(codec)
    watch = Watch()
    watch.on = True
    eval("1")
    assert watch.seen, "the watch sleeps"
    watch.on, watch.seen = False, []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory:
        for case in range(flags.cases):
            chance = random.Random(f"{flags.seed} {case}")
            original = originals[case % len(originals)]
            kind, new = damaged(original.content, chance)
            path = Path(directory) / "model.pth"
            path.write_bytes(new)
            watch.on = True
            signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT)
            found = outcome(path, original)
            slowest = max(slowest, TIME_LIMIT - signal.setitimer(signal.ITIMER_REAL, 0)[0])
            watch.on = False
            found = found() if callable(found) else found
            if watch.seen:
                found = f"did {watch.seen[0]}"
                watch.seen.clear()
            counts[original.name][found] += 1
            if found not in ("refused", "intact", "as the file"):
                wrong.append({"case": case, "file": original.name, "damage": kind, "outcome": found})
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        json.dumps(
            {
                "cases": flags.cases,
                "seed": flags.seed,
                "outcomes": {name: dict(sorted(each.items())) for name, each in counts.items()},
                "wrong": wrong,
                "slowest_case_seconds": round(slowest, 2),
                "grown_kib": grown,
                "largest_file_kib": max(len(original.content) for original in originals) // 1024,
                "versions": {
                    "akd_jax": akd_jax.__version__,
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("numpy", "jax", "torch")},
                },
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
