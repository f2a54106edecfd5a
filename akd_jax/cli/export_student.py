"""akd-export: a student, a teacher or a generator in a format to deploy."""

import sys
from pathlib import Path
from typing import Any

from akd_jax import files, workdir
from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError
from akd_jax.export import DIRECTORY, FORMAT_NAMES, SAFETENSORS, WEIGHTS_ONLY


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, exports and exits."""
    ending(lambda: _export(sys.argv[1:] if arguments is None else arguments))


def _parser() -> Parser:
    parser = Parser(description="Exports a run's student, its generator, or a teacher, and compares what was written.")
    parser.add_argument("--workdir", type=Path, help="the run, default: the newest under runs/")
    parser.add_argument("--student", help="one of the run's students, default: the only one")
    parser.add_argument("--best", action="store_true", help="the student at its best evaluation instead of its last")
    parser.add_argument("--generator", action="store_true", help="the run's generator instead of a student")
    parser.add_argument("--teacher", type=Path, help="a directory that convert_teacher wrote, instead of a run")
    parser.add_argument("--format", choices=FORMAT_NAMES, required=True)
    parser.add_argument(
        "--layout", help="of the names in pytorch and safetensors, cifar (DFAD's and the seed's) or torchvision"
    )
    parser.add_argument("--fold_batch_norm", action="store_true", help="batch norms into the convolutions before them")
    parser.add_argument(
        "--pixels", action="store_true", help="stablehlo and onnx take uint8 images [B, H, W, C] and normalise them"
    )
    parser.add_argument("--image_size", type=int, help="side of a teacher's images, default: that of --data, else 32")
    parser.add_argument("--data", help="images to compare on, default: the run's, else generated ones")
    parser.add_argument("--data_dir", help="where tensorflow-datasets keeps its data")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the file to write; for safetensors a directory with a model card, or a file that ends in .safetensors",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier export wrote there")
    return parser


def _export(arguments: list[str]) -> None:
    flags = _parser().parse_args(arguments)
    _check(flags)
    as_directory = flags.format == SAFETENSORS and flags.out.suffix != ".safetensors"
    if as_directory:
        files.check_replaceable(flags.out, DIRECTORY, "exported model", overwrite=flags.overwrite)
    elif flags.out.is_dir():
        raise InputError(f"--out {flags.out}: is a directory, give a file")
    elif flags.out.exists() and not flags.overwrite:
        raise InputError(f"{flags.out} exists: give --overwrite, or another --out")
    workdir.check_writable(flags.out.absolute().parent, "--out")
    run = None if flags.teacher else flags.workdir or workdir.newest()

    # After the flags are known to be right: importing takes seconds.
    from akd_jax import compilation, saved_run
    from akd_jax.export import formats, hugging_face, interface, subject

    formats.check_installed(flags.format)
    compilation.wake(saved_run.describe(run)[0].compilation.cache if run else "")
    source = {"source": flags.data, "data_dir": flags.data_dir}
    if run is None:
        chosen = subject.of_teacher(flags.teacher, image_size=flags.image_size or 32, **source)
    elif flags.generator:
        chosen = subject.of_generator(run)
    else:
        chosen = subject.of_student(run, flags.student, best=flags.best, **source)
    chosen = formats.in_layout(chosen, flags.layout)
    data, facts, verdict = formats.export(
        chosen, flags.format, fold_batch_norm=flags.fold_batch_norm, pixels=flags.pixels
    )
    if as_directory:
        with files.new_directory(flags.out) as directory:
            for name, content in hugging_face.contents(data, facts).items():
                files.write_bytes(directory / name, content)
    else:
        flags.out.absolute().parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(flags.out, data)
    print(f"{facts.architecture}, {facts.role}: {facts.parameters:,} parameters, {len(data):,} bytes")
    print(interface.in_words(facts, flags.format))
    print(verdict)
    print(f"written: {flags.out}")


def _check(flags: Any) -> None:
    """Raises InputError for flags that contradict each other."""
    if flags.teacher and (flags.workdir or flags.student or flags.best or flags.generator):
        raise InputError("--teacher goes without --workdir, --student, --best and --generator: give one or the other")
    if flags.generator and (flags.student or flags.best or flags.pixels or flags.data):
        raise InputError("--generator goes without --student, --best, --pixels and --data")
    weights_only = flags.format in WEIGHTS_ONLY
    if flags.pixels and weights_only:
        raise InputError(f"--pixels: {flags.format} holds weights alone; give --format stablehlo or onnx")
    if flags.layout and not weights_only:
        raise InputError(f"--layout: {flags.format} has no PyTorch names; give --format pytorch or safetensors")
    if flags.image_size is not None and (not flags.teacher or flags.data or flags.image_size < 1):
        raise InputError("--image_size goes with --teacher, without --data, and is at least 1")
