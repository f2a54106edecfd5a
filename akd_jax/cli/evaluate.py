"""evaluate.py: measures a run's students, or a teacher, on labelled images."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from akd_jax import files, workdir
from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError

SCHEMA = 1


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, measures and exits."""
    ending(lambda: _evaluate(sys.argv[1:] if arguments is None else arguments))


def _parser() -> Parser:
    parser = Parser(description="Measures a run's students, or a converted teacher, on labelled images.")
    parser.add_argument("--workdir", type=Path, help="the run whose students to measure, default: the newest")
    parser.add_argument("--student", help="one of the run's students, default: all")
    parser.add_argument("--best", action="store_true", help="the student at its best evaluation instead of its last")
    parser.add_argument("--teacher", type=Path, help="a directory that convert_teacher wrote, instead of a run")
    parser.add_argument("--data", help="cifar10, cifar100, digits, an .npz or a folder; default: the run's")
    parser.add_argument("--data_dir", help="where tensorflow-datasets keeps its data")
    parser.add_argument("--split", default="test", help="e.g. test[:20%%] or seed:20%%, default: %(default)s")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    return parser


def _evaluate(arguments: list[str]) -> None:
    flags = _parser().parse_args(arguments)
    if flags.teacher and (flags.workdir or flags.student or flags.best):
        raise InputError("--teacher goes without --workdir, --student and --best: give one or the other")
    if flags.teacher and not flags.data:
        raise InputError("--teacher needs --data: cifar10, cifar100, digits, an .npz or an image folder")
    if flags.json:
        if flags.json.is_dir():
            raise InputError(f"--json {flags.json}: is a directory, give a file")
        workdir.check_writable(flags.json.absolute().parent, "--json")
    run = None if flags.teacher else flags.workdir or workdir.newest()

    # After the flags are known to be right: importing takes seconds.
    from akd_jax import compilation, examination, saved_run, teacher_files

    compilation.wake(saved_run.describe(run)[0].compilation.cache if run else "")
    if run:
        examined = examination.of_run(
            run, student=flags.student, best=flags.best, source=flags.data, data_dir=flags.data_dir, split=flags.split
        )
    else:
        info, variables = teacher_files.read(flags.teacher)
        held = examination.load(info.task, flags.data, flags.data_dir, flags.split)
        logits = examination.logits_of_teacher(info, variables, held)
        name = f"teacher {flags.teacher}"
        examined = [examination.of_teacher(logits, held, name=name, source=flags.data, split=flags.split)]
    results = []
    for result in examined:
        print("\n".join(_lines(result)), flush=True)
        results.append(result)
    if flags.json:
        files.write_json(flags.json, {"schema": SCHEMA, "networks": results})
        print(f"written: {flags.json}")


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"{result['network']} on {result['data']} {result['split']}, {result['images']:,} images"
    shares = {
        "top1": "top-1",
        "retention": "of the teacher's",
        "top5": "top-5",
        "agreement": "agreement with the teacher",
    }
    for key, name in shares.items():
        yield f"  {name:<28}{_percent(result[key])}"
    for key, name in {"kl": "KL(teacher || student), nats", "loss": "loss (nats)"}.items():
        yield f"  {name:<28}" + ("       -" if result[key] is None else f"{result[key]:8.4f}")
    yield f"  {'calibration error (ECE)':<28}{_percent(result['ece'])}"
    yield "  class                       top-1      images"
    for row in result["classes"]:
        yield f"  {row['name']:<28}{_percent(row['top1'])}{row['images']:>10,}"


def _percent(share: float | None) -> str:
    return f"{100 * share:8.2f} %" if share is not None else "       - "
