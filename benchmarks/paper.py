"""The paper's tables: cross-validation on folders of images, U-Net against what came before it.

Run as ``python -m benchmarks.paper DATASET...``. A data set is a folder with images/, labels/ and
info.json. Its images are divided into folds; on each, the U-Net, a patch classifier, a fully
convolutional net and a random forest are trained as long as each other and scored on the images
that were left out. What is finished is not run again, and a training of the U-Net that was
interrupted goes on from its saved weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.crossval.data import Folder, load_folder
from benchmarks.crossval.folds import Fold, describe, make_folds
from benchmarks.crossval.results import METHODS, Settings, Unit, missing, read_all
from benchmarks.crossval.running import check_units, run_all
from benchmarks.crossval.variations import ABLATIONS, UNET
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.network.config import DeviceName, PresetName
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import InvalidInput, UserError

_DATASETS = tuple(Path("../shared/data") / name for name in ("isbi2012_em", "u373_phc"))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "datasets",
        nargs="*",
        type=Path,
        default=list(_DATASETS),
        metavar="DATASET",
        help=f"folder; default: {' '.join(map(str, _DATASETS))}",
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="training a fold and method (default 10)"
    )
    parser.add_argument("--preset", choices=get_args(PresetName), default="compact")
    parser.add_argument("--device", choices=get_args(DeviceName), default="auto")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument(
        "--folds", type=int, nargs="+", metavar="FOLD", help="which to run, from 0; default: all"
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="what counts the time: wall, or cpu, half of the process's processor time over all "
        "its threads, whatever else the machine does; for trainings on the processor only",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="processes at a time, which share two threads; with more than one use --clock cpu",
    )
    parser.add_argument(
        "--ablations", action="store_true", help="the U-Net with one thing changed, too"
    )
    parser.add_argument(
        "--pretrained",
        type=Path,
        metavar="MODEL",
        help="with --ablations: a model file from whose weights one of them begins",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("benchmark-results/paper"),
        help="each data set gets a folder in it (default: %(default)s)",
    )
    parser.add_argument("--report-only", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    if options.jobs < 1 or options.minutes <= 0:
        parser.error("minutes and jobs must be positive")
    return options


def chosen_units(folder: Folder, folds: Sequence[Fold], options: argparse.Namespace) -> list[Unit]:
    """Return what to run: all methods on a fold before the next one, ablations last.

    Raises
    ------
    InvalidInput
        There is no fold of that number.
    """
    numbers = range(len(folds)) if options.folds is None else options.folds
    for number in numbers:
        if number not in range(len(folds)):
            raise InvalidInput(
                f"{folder.path.name} has no fold {number}; choose from 0 to {len(folds) - 1}."
            )
    plan = [(number, method) for number in numbers for method in options.methods]
    if options.ablations:
        given = options.pretrained is not None
        changed = [
            variation.name
            for variation in ABLATIONS
            if variation.why_not(folder.label_kind, len(folds[0].training), given) is None
        ]
        plan += [(number, UNET.name) for number in numbers]
        plan += [(number, name) for number in numbers for name in changed]
    return [Unit(str(folder.path), method, number) for number, method in dict.fromkeys(plan)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and print the reports; return the exit status."""
    options = parse(arguments)
    settings = Settings(
        options.minutes,
        options.preset,
        options.device,
        options.clock,
        "" if options.pretrained is None else str(options.pretrained.resolve()),
    )
    failed = 0
    try:
        names = [path.resolve().name for path in options.datasets]
        if len(set(names)) < len(names):
            raise InvalidInput("two data sets have the same folder name; run one after the other.")
        if options.pretrained is not None:
            load_model(options.pretrained)  # refused now, not after hours of other trainings
        for path, name in zip(options.datasets, names, strict=True):
            failed += _run_dataset(path, options.output / name, settings, options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if failed else 0


def _run_dataset(path: Path, output: Path, settings: Settings, options: argparse.Namespace) -> int:
    """Run and report one data set; return how many units failed."""
    failed: list[Unit] = []
    if not options.report_only:
        folder = load_folder(path)
        folds = make_folds(len(folder.samples), folder.frames)
        for line in describe(folder, folds):
            _say(line)
        units = chosen_units(folder, folds, options)
        check_units(units, folder)
        output = make_folder(output)
        failed = run_all(
            missing(units, settings, output), settings, output, jobs=options.jobs, say=_say
        )
    results = read_all(output)
    if failed and not results:
        return len(failed)
    if not results:
        raise UserError(f"there are no results in {output}; run without --report-only.")
    from benchmarks.crossval.report import write_report

    write_report(results, output, _say)
    return len(failed)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
