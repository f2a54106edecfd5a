"""prepare_data.py: CIFAR becomes what the other commands read, once."""

import sys
from pathlib import Path

from akd_jax import workdir
from akd_jax.cli.exits import Parser, ending
from akd_jax.data import prepared
from akd_jax.data.cifar import CIFARS
from akd_jax.errors import InputError


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, prepares and exits."""
    ending(lambda: _prepare(sys.argv[1:] if arguments is None else arguments))


def _parser() -> Parser:
    parser = Parser(
        description="Prepares CIFAR for the other commands, as tensorflow-datasets lays it out.",
    )
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(CIFARS)}; other data need no preparing")
    parser.add_argument("--data_dir", help="where to, default: $TFDS_DATA_DIR, else ~/tensorflow_datasets")
    parser.add_argument(
        "--archive",
        type=Path,
        help="the official archive, binary or python, or a folder unpacked from one; "
        "default: the one in DATA_DIR/downloads/manual, else it is downloaded",
    )
    parser.add_argument("--trust", action="store_true", help="take the archive whatever its checksum")
    return parser


def _prepare(arguments: list[str]) -> None:
    flags = _parser().parse_args(arguments)
    if flags.name not in CIFARS:
        raise InputError(
            f"{flags.name!r} cannot be prepared: give {' or '.join(CIFARS)}; digits, .npz files and image folders are "
            "read as they are"
        )
    folder = prepared.folder(flags.name, flags.data_dir)
    was_there = prepared.is_prepared(folder)
    if not was_there:
        workdir.check_writable(folder, "--data_dir")

        from akd_jax.data.prepare import prepare  # after the flags are known to be right: importing takes seconds

        prepare(flags.name, flags.data_dir, given=flags.archive, trust=flags.trust)
    sizes = prepared.open_prepared(folder).sizes
    counts = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
    unread = f"; {flags.archive} was not read" if was_there and flags.archive else ""
    print(f"{flags.name}: {counts} images {'are prepared already' if was_there else 'prepared'} in {folder}{unread}")
