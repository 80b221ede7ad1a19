"""A simulated annotator: accuracy stroke by stroke on real images, ours against others.

Run as ``python -m benchmarks.annotator``. Data sets are folders with images/ and labels/. Somebody
paints two strokes a class into one image, then, round after round, one a class on the largest
error of each of two images; each method learns between the rounds and is scored on five other
images. What is finished is not run again, so that a run can be stopped and goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.strokes.datasets import NAMES, find_folders
from benchmarks.strokes.results import CONVPAINT, DENSE, METHODS, Settings, Unit, missing, read_all
from benchmarks.strokes.running import run_all
from napari_unet.core.io.atomic import make_folder
from napari_unet.errors import UserError


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder of the data sets"
    )
    parser.add_argument(
        "--datasets",
        nargs="+",
        default=list(NAMES),
        metavar="FOLDER",
        help=f"names in --data or paths; default: {' '.join(NAMES)}",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=[method for method in METHODS if method != CONVPAINT],
        help="default: all but convpaint, for which napari-convpaint is installed, some GB, into "
        "an environment of its own in your cache",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--dense-seeds", type=int, nargs="*", default=[0], help="seeds of dense")
    parser.add_argument("--rounds", type=int, default=6, help="scored rounds (default 6)")
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="training in each round (default 8)"
    )
    parser.add_argument(
        "--dense-seconds",
        type=float,
        default=600.0,
        help="training of the same net on every pixel of both images (default 600)",
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="what counts the seconds of training: wall, or cpu, half of the process's processor "
        "time over all its threads, so that 8 s are 16 s of processor time, the work of two "
        "cores, whatever else the machine does; for trainings on the processor only",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="processes at a time, which share two threads; with more than one use --clock cpu",
    )
    parser.add_argument("--output", type=Path, default=Path("benchmark-results/annotator"))
    parser.add_argument("--again", action="store_true", help="replace results that are there")
    parser.add_argument("--report-only", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.jobs) < 1 or min(options.seconds, options.dense_seconds) <= 0:
        parser.error("rounds, jobs and seconds must be positive")
    return options


def chosen_units(options: argparse.Namespace) -> list[Unit]:
    """Return what to run: all methods on a data set before the next one, seed by seed."""
    folders = find_folders(options.data, options.datasets)
    return [
        Unit(method, str(folder), seed)
        for seed in options.seeds
        for folder in folders
        for method in options.methods
        if method != DENSE or seed in options.dense_seeds
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and print the report; return the exit status."""
    options = parse(arguments)
    failed: list[Unit] = []
    try:
        output = make_folder(options.output)
        if not options.report_only:
            settings = Settings(
                options.rounds, options.seconds, options.dense_seconds, options.clock
            )
            units = chosen_units(options)
            units = units if options.again else missing(units, settings, output)
            failed = run_all(units, settings, output, jobs=options.jobs, say=_say)
        results = read_all(output)
        if not results:
            raise UserError(f"there are no results in {output}; run without --report-only.")
        from benchmarks.strokes.report import write_report

        write_report(results, output)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if failed else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
