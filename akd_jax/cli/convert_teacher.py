"""akd-convert: a PyTorch checkpoint becomes a teacher directory."""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from akd_jax import hub, workdir
from akd_jax.cli.exits import Parser, ending
from akd_jax.config import TeacherConfig
from akd_jax.errors import InputError
from akd_jax.normalisation import NORMALISATIONS

DEFAULT = "teacher/best_resnet34_cifar100.pth"


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, converts and exits."""
    ending(lambda: _convert(sys.argv[1:] if arguments is None else arguments))


def _parser() -> Parser:
    parser = Parser(description="Converts a PyTorch checkpoint into a teacher to distil.")
    parser.add_argument(
        "checkpoint",
        nargs="?",
        default=DEFAULT,
        help="a PyTorch checkpoint or .safetensors file, or hf://owner/name[/file]; default: %(default)s",
    )
    parser.add_argument("--arch", default="auto", help="network's name, default: the one that the checkpoint fits")
    parser.add_argument(
        "--out",
        type=Path,
        help="directory to write, default: the checkpoint's path without its ending",
    )
    parser.add_argument("--num_classes", type=_count, help="default: as many as the last layer has")
    parser.add_argument(
        "--key", help="where in the file the state dict is, if it has several: ema, model.state_dict, ..."
    )
    parser.add_argument(
        "--data", help="cifar10, cifar100, digits, an .npz or an image folder: measures top-1 on its test part"
    )
    parser.add_argument("--data_dir", help="where tensorflow-datasets keeps its data")
    parser.add_argument(
        "--mean",
        type=_numbers,
        help="a,b,c of the images it was trained on, one a channel; default: those of cifar10, cifar100 or digits if "
        "that is --data",
    )
    parser.add_argument("--std", type=_numbers, help="a,b,c, likewise; else CIFAR-100's")
    parser.add_argument(
        "--verify", action="store_true", help="compares its logits with PyTorch's, which must be installed"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing directory")
    return parser


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give numbers, such as 0.5,0.4,0.3") from None


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, at least 1")
    return int(text)


def _convert(arguments: list[str]) -> None:
    flags = _parser().parse_args(arguments)
    fetched = hub.is_address(flags.checkpoint)
    if not fetched and not Path(flags.checkpoint).is_file():
        raise InputError(
            f"no checkpoint file at {flags.checkpoint}: give the path of the .pth file that your PyTorch training saved"
        )
    out = flags.out or (Path(Path(flags.checkpoint).stem) if fetched else Path(flags.checkpoint).with_suffix(""))
    if (flags.mean is None) != (flags.std is None):
        raise InputError("--mean and --std go together: give both, or neither")
    workdir.check_writable(out.absolute().parent, "--out")
    usual = NORMALISATIONS.get(flags.data or "", NORMALISATIONS["cifar100"])
    # Checked as training checks them.
    wanted = TeacherConfig(flags.checkpoint, flags.arch, flags.mean or usual.mean, flags.std or usual.std)

    # After the flags are known to be right: importing takes seconds.
    from akd_jax import compilation, examination, teacher_files, verification
    from akd_jax.convert.architecture import in_short
    from akd_jax.convert.layouts import torch_shapes
    from akd_jax.convert.teacher import convert

    if flags.verify:
        verification.check_torch()
    compilation.wake()
    teacher_files.check_replaceable(out, overwrite=flags.overwrite)  # again when writing; here before anything slow
    path, source = hub.fetch(flags.checkpoint) if fetched else (Path(flags.checkpoint), flags.checkpoint)
    info, variables = convert(
        path,
        arch=wanted.arch,
        mean=wanted.mean,
        std=wanted.std,
        classes=flags.num_classes,
        key=flags.key,
    )
    info = dataclasses.replace(info, source=source)
    if info.key:
        print(f"read: the state dict under {info.key}")
    print(f"{info.arch}, layout {info.layout}: {in_short(torch_shapes(variables, info.layout))}")
    print(f"{info.parameters:,} parameters, {info.classes} classes")
    print(f"normalisation: mean {info.mean}, std {info.std}{'' if flags.mean and flags.std else ' (assumed)'}")
    held = examination.load(info.task, flags.data, flags.data_dir, "test") if flags.data else None
    if flags.verify:
        verdict = verification.against_torch(path, info, variables, held)
        print(
            f"logits of {verdict.images} {'test' if held else 'random'} images: PyTorch's differ by at most "
            f"{verdict.difference:.2g}; the largest is {verdict.largest:.3g}"
        )
    if held:
        logits = examination.logits_of_teacher(info, variables, held)
        figures = examination.of_teacher(logits, held, name=info.arch, source=flags.data, split="test")
        print(f"top-1 on {flags.data} test, {figures['images']:,} images: {100 * figures['top1']:.2f} %")
        info = dataclasses.replace(info, top1={flags.data: figures["top1"]})
        print(verification.advice(verification.under_normalisations(info, variables, held, logits)))
    teacher_files.save(out, info, variables, overwrite=flags.overwrite)
    print(f"written: {out}; train with --config.teacher.path={shlex.quote(str(out))}")
