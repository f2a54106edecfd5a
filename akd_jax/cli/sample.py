"""akd-sample: draws images from a run's trained generator, or from its bank where it has one."""

import sys
from pathlib import Path

from akd_jax import workdir
from akd_jax.cli.exits import Parser, ending
from akd_jax.errors import InputError


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line, draws and exits."""
    ending(lambda: _sample(sys.argv[1:] if arguments is None else arguments))


def _parser() -> Parser:
    parser = Parser(description="Draws images from a run's generator, or bank, as grid.png, image_000.png, ...")
    parser.add_argument("--workdir", type=Path, help="the run, default: the newest under runs/")
    parser.add_argument("--num", type=int, default=64, help="how many images, default: %(default)s")
    parser.add_argument("--out", type=Path, help="directory to write, default: WORKDIR/samples/drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the latents, default: %(default)s")
    parser.add_argument("--untrained", action="store_true", help="a fresh generator instead, for comparison")
    return parser


def _sample(arguments: list[str]) -> None:
    flags = _parser().parse_args(arguments)
    if flags.num < 1:
        raise InputError(f"--num {flags.num}: give at least 1")
    if not 0 <= flags.seed < 2**32:
        raise InputError(f"--seed {flags.seed}: give one in 0 ... 2**32 - 1")
    run = flags.workdir or workdir.newest()
    out = flags.out or run / workdir.SAMPLES / "drawn"
    workdir.check_writable(out, "--out")

    import jax  # after the flags are known to be right: importing takes seconds
    import numpy as np

    from akd_jax import compilation, report, saved_run
    from akd_jax.experiment import initial_state
    from akd_jax.families import family_of

    config, *_ = saved_run.describe(run)
    banked = family_of(config).keeps
    if flags.untrained and banked:
        raise InputError(
            f"--untrained: {config.method}'s images are those of its bank, which is empty before training; leave it out"
        )
    compilation.wake(config.compilation.cache)
    saved = saved_run.read(run)
    if not saved.experiment.generator:
        raise InputError(f"{run} has no generator: its networks learnt from labelled images; give another --workdir")
    init_key, sample_key = jax.random.split(jax.random.key(flags.seed))
    state = initial_state(saved.experiment, init_key) if flags.untrained else saved.progress.state
    images = saved.experiment.method.sample(state, sample_key, num=flags.num)
    report.save_samples(out, report.to_pixels(np.asarray(images), saved.task.mean, saved.task.std))
    age = "untrained" if flags.untrained else f"after {saved.progress.round} rounds"
    print(f"{flags.num} images of {run}'s {'bank' if banked else 'generator'}, {age}: {out}")
