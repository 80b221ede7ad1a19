"""The command ``napari-unet``: the same engine as the window, without one."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from napari_unet import __version__
from napari_unet.errors import UserError
from napari_unet.log import open_log

_DEVICES = ("auto", "cpu", "cuda", "mps")
_RESULTS = ("labels", "probabilities", "instances")
_KINDS = ("scribbles", "classes", "instances")
_WAYS = ("automatic", "image", "training", "stack")
_MODEL = "a model file, or a bioimage.io package with ONNX weights"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    0; 1 if some images of a batch failed; 2 for what the user can mend. ``None`` takes the
    process's own words.
    """
    options = vars(_parser().parse_args(arguments))
    open_log()
    run: Callable[..., int | None] = import_module(f"napari_unet.{options.pop('module')}").run
    try:
        return run(**options) or 0
    except UserError as error:
        print(f"napari-unet: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("napari-unet: interrupted.", file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:
        from napari_unet.core.batch.run import is_memory_error

        if not is_memory_error(error):
            logging.getLogger(__name__).exception("a command ended unexpectedly")
            raise
        print(
            "napari-unet: memory ran out; close other programs, use smaller images, or another "
            "device.",
            file=sys.stderr,
        )
        return 2
    except Exception:
        logging.getLogger(__name__).exception("a command ended unexpectedly")
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-unet", description="Train a U-Net on labels and segment images with it."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add_demo(commands)
    _add_train(commands)
    _add_predict(commands)
    _add_batch(commands)

    evaluate = commands.add_parser("evaluate", help="compare predictions with the truth")
    evaluate.add_argument("predictions", nargs="+", type=Path, metavar="PREDICTION")
    evaluate.add_argument("--truth", nargs="+", type=Path, required=True, metavar="TRUTH")
    evaluate.add_argument(
        "--label-kind", choices=_KINDS, help="what the truth is (default: as the model's labels)"
    )
    evaluate.add_argument(
        "--membrane", type=int, metavar="ID", help="also score the regions that this class encloses"
    )
    evaluate.set_defaults(module="commands.evaluate")

    cells = commands.add_parser("cells", help="measure cells, and tell what kind each is")
    cells.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    cells.add_argument(
        "--cells", nargs="+", type=Path, required=True, metavar="IDS", help="an id for each cell"
    )
    cells.add_argument("--output", type=Path, required=True, metavar="DIR")
    cells.add_argument(
        "--kinds", type=Path, metavar="FILE", help="kinds that were taught and saved in Cells"
    )
    cells.set_defaults(module="commands.cells")

    _add_export(commands)
    _add_reproduce(commands)

    learner = commands.add_parser(
        "learner", help="train and predict for a window elsewhere, which starts this"
    )
    learner.set_defaults(module="commands.learner")

    info = commands.add_parser("info", help="show versions and devices, or what a model is")
    info.add_argument("model", nargs="?", type=Path, metavar="MODEL")
    info.set_defaults(module="commands.info")
    return parser


def _add_predict(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    predict = commands.add_parser("predict", help="segment images with a model")
    predict.add_argument("model", type=Path, metavar="MODEL", help=_MODEL)
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    _add_segmenting(predict)
    predict.add_argument(
        "--average-rotations",
        action="store_true",
        help="average over the image's quarter turns and flips: eight times as long",
    )
    predict.set_defaults(module="commands.predict")


def _add_segmenting(parser: argparse.ArgumentParser) -> None:
    """Add what ``predict`` and ``batch`` have in common."""
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--save", nargs="+", choices=_RESULTS, default=["labels"], help="what of the results"
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="measure each plane and the instances, into tables beside the results",
    )
    parser.add_argument(
        "--resample",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="bring images to the model's pixel size where both are known (default)",
    )
    parser.add_argument(
        "--min-size",
        type=int,
        metavar="N",
        default=20,
        help="pixels (voxels in 3D) that an instance has at least (default 20)",
    )
    parser.add_argument("--tile", type=int, help="side of a tile's output in pixels")
    parser.add_argument("--device", choices=_DEVICES, default="auto")
    parser.add_argument(
        "--intensities",
        choices=_WAYS,
        help="how grey values are scaled: automatic, each image by itself, as the training images, "
        "or a stack or series as a whole; default: as the model says",
    )


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train", help="train a model on images and labels")
    train.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    train.add_argument("--labels", nargs="+", type=Path, required=True, metavar="LABELS")
    train.add_argument("--output", type=Path, required=True, metavar="MODEL")
    train.add_argument("--label-kind", choices=_KINDS, default="scribbles")
    train.add_argument(
        "--preset", choices=("compact", "pretrained", "unet2015"), default="pretrained"
    )
    train.add_argument(
        "--dimensions",
        type=int,
        choices=(2, 3),
        help="2 for planes, one by one (default); 3 for volumes, slices seen together",
    )
    train.add_argument(
        "--voxel-size",
        type=_sizes,
        metavar="Z,Y,X",
        help="size of a voxel in any unit, for volumes (default: what the images say)",
    )
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--seconds", type=float, help="training time (default 60)")
    budget.add_argument("--steps", type=int, help="number of steps, for an exact repeat")
    train.add_argument("--model", type=Path, help="model to fine-tune")
    train.add_argument("--device", choices=_DEVICES, default="auto")
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(module="commands.train")


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="train on a sample with strokes and segment it")
    demo.add_argument("--out", type=Path, default=Path("demo-output"), metavar="DIR")
    demo.add_argument(
        "--window",
        action="store_const",
        dest="module",
        const="widgets.demo",
        help="open the sample in napari instead",
    )
    demo.add_argument("--seconds", type=float, default=50.0, help="training time (default 50)")
    demo.add_argument("--seed", type=int, default=0)
    demo.set_defaults(module="commands.demo")


def _add_batch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    batch = commands.add_parser("batch", help="segment whole folders of images, with a report")
    batch.add_argument("model", type=Path, metavar="MODEL", help=_MODEL)
    batch.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders or patterns")
    _add_segmenting(batch)
    batch.add_argument(
        "--channels", type=_numbers, metavar="N,N", help="channels to use, from 0, in this order"
    )
    batch.add_argument("--axes", help="what the axes of the images are, for example TCYX")
    batch.add_argument("--level", type=int, help="level of pyramids, 0 for the finest")
    batch.add_argument("--overwrite", action="store_true", help="make results anew")
    batch.add_argument(
        "--scheduler", metavar="ADDRESS", help="segment on the workers of this Dask scheduler"
    )
    batch.set_defaults(module="commands.batch")


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = commands.add_parser("export", help="write a model for other programs")
    export.add_argument("model", type=Path, metavar="MODEL")
    export.add_argument("--format", choices=("bioimageio", "onnx"), required=True)
    export.add_argument("--output", type=Path, required=True, metavar="FILE")
    export.set_defaults(module="commands.export")


def _add_reproduce(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reproduce = commands.add_parser(
        "reproduce", help="write a project as a script and a methods paragraph"
    )
    reproduce.add_argument("project", type=Path, metavar="PROJECT")
    reproduce.add_argument(
        "--output", type=Path, default=Path(), metavar="DIR", help="folder (default: this one)"
    )
    reproduce.set_defaults(module="commands.reproduce")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers like 0,2") from None


def _sizes(text: str) -> tuple[float, ...]:
    try:
        plane, row, column = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no three numbers like 4,1,1") from None
    return plane, row, column
