"""Ours beside MONAI, torch-em, Convpaint and scikit-learn: ``python -m benchmarks.peers``.

Each of the others is installed into an environment of its own in your cache; Convpaint and torch-em
take some gigabytes. Each program runs in a process of its own, all in turns, so that a drift of the
machine's speed cancels. A ratio above 1 says that ours is faster, or takes less memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.common.clocks import CLOCKS
from benchmarks.strokes.annotator import Annotator
from benchmarks.strokes.datasets import IGNORED, load
from benchmarks.versus.contests import Contests
from benchmarks.versus.program import PEERS
from benchmarks.versus.turns import Row, Settings
from napari_unet.core.io.atomic import make_folder
from napari_unet.errors import InvalidInput, UserError

PARTS = ("train", "predict", "strokes", "cold")
SIDE = 512  # of what is painted in
QUICK = {"rounds": 1, "lesson": 256, "side": 256, "steps": 1, "windows": (320,)}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", nargs="+", choices=tuple(PEERS), default=list(PEERS))
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("../shared/data/isbi2012_em"),
        help="folder of the data set that is painted in",
    )
    parser.add_argument(
        "--synthetic", action="store_true", help="paint in drawn cells instead; needs no data"
    )
    parser.add_argument("--rounds", type=int, default=Settings.rounds)
    parser.add_argument("--steps", type=int, default=Settings.steps, help="of a turn of training")
    parser.add_argument("--side", type=int, default=Settings.side, help="of what is predicted")
    parser.add_argument("--threads", type=int, default=Settings.threads, help="of each program")
    parser.add_argument(
        "--clock",
        choices=tuple(CLOCKS),
        default="wall",
        help="wall, or cpu, half of the processor time of all threads, for a busy machine",
    )
    parser.add_argument("--quick", action="store_true", help="small and once; says little")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results/peers"))
    options = parser.parse_args(arguments)
    if min(options.rounds, options.threads, options.side, options.steps) < 1:
        parser.error("rounds, threads, side and steps must be positive")
    return options


def drawn_cells(side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return bright discs on noise, (side, side) float32, and 1 where they are."""
    rng = np.random.default_rng(seed)
    centres = np.ones((side, side), bool)
    centres.flat[rng.choice(side**2, max(4, side**2 // 3000), replace=False)] = False
    truth = (ndimage.distance_transform_edt(centres) < 12).astype(np.uint8)
    noise = ndimage.gaussian_filter(rng.normal(size=truth.shape), 1)
    return (100 + 60 * truth + 60 * noise).astype(np.float32), truth


def write_strokes(path: Path, pictures: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Paint in the first of two images, and write what a learner of strokes is given.

    Parameters
    ----------
    path
        Of an .npz file, see :mod:`benchmarks.versus.strokes_job`.
    pictures
        Image and truth, (Y, X).
    """
    (image, truth), (other, other_truth) = pictures
    annotator = Annotator([truth], int(truth.max()) + 1, np.random.default_rng(0))
    annotator.begin()
    first = annotator.labels[0].copy()
    annotator.correct([np.zeros(truth.shape, np.uint8)])  # one a class more, wherever it is missing
    more = annotator.labels[0]
    np.savez(
        path,
        image=image,
        truth=truth,
        other=other,
        other_truth=other_truth,
        first=first,
        more=more,
    )


def real_pictures(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the middles of two images of a data set, at most 512 x 512, and their truth."""
    pictures = []
    for picture in load(folder, seed=0).training:
        if picture.image.ndim != 2 or (picture.truth == IGNORED).any():
            raise InvalidInput(
                f"{folder} has colours or places that nobody annotated; use another."
            )
        start = [max(0, (side - SIDE) // 2) for side in picture.truth.shape]
        middle = tuple(slice(at, at + SIDE) for at in start)
        pictures.append((picture.image[middle].astype(np.float32), picture.truth[middle]))
    return pictures


def table(
    rows: Sequence[Row], versions: Mapping[str, Mapping[str, str]], settings: Settings
) -> str:
    """Return the table as markdown."""
    lines = [
        f"Medians of {settings.rounds} rounds in turns, {settings.threads} threads, "
        f"{settings.clock} clock. Above 1: ours is faster, or takes less memory.",
        "",
        *(
            f"- {name}: {', '.join(f'{package} {number}' for package, number in of.items())}"
            for name, of in versions.items()
        ),
        "",
        "| what | against | ours | theirs | ratio | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        digits = ".0f" if row.unit == "MiB" else ".3f"
        ratio = f"{row.ratio:.2f}" if row.ratio >= 1 else f"**{row.ratio:.2f}**"
        lines.append(
            f"| {row.what} | {row.peer} | {row.ours:{digits}} {row.unit} | "
            f"{row.theirs:{digits}} {row.unit} | {ratio} | {row.note} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and write it; return the exit status."""
    options = parse(arguments)
    changed = (
        QUICK
        if options.quick
        else {name: getattr(options, name) for name in ("rounds", "side", "steps")}
    )
    settings = Settings(clock=options.clock, threads=options.threads, **changed)
    try:
        output = make_folder(options.output)
        with tempfile.TemporaryDirectory(prefix="peers-") as name:
            folder = Path(name)
            image = np.random.default_rng(0).random((settings.side, settings.side), np.float32)
            np.save(folder / "image.npy", ndimage.gaussian_filter(image, 1))
            side = 96 if options.quick else SIDE
            pictures = (
                [drawn_cells(side, seed) for seed in (0, 1)]
                if options.synthetic
                else real_pictures(options.data)
            )
            write_strokes(folder / "strokes.npz", pictures)
            contests = Contests(options.peers, folder, settings)
            versions = contests.versions()
            rows: list[Row] = []
            for part in options.parts:
                print(f"{part} ...", file=sys.stderr, flush=True)
                for row in getattr(contests, part)():
                    rows.append(row)
                    (output / "table.md").write_text(table(rows, versions, settings))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(rows, versions, settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
