"""In how many real images the rule of today gives other ranges than percentiles alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.strokes.datasets import Dataset, load
from napari_unet.core.images import measure_intensity
from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.images.intensity import Intensity
from napari_unet.core.images.lazy_plane import intensities_of

_DRAWS = 4  # of training and test images


def report(folders: Sequence[Path], seed: int) -> None:
    """Print it for four draws of the annotator benchmark's images of each data set.

    Where ranges are the same, so is all that is learnt and found, to the last pixel.

    Parameters
    ----------
    folders
        Of the data sets.
    seed
        Of the first draw.
    """
    print("| images | looked at | whose ranges differ |")
    print("|---|---|---|")
    for folder in folders:
        draws = [load(folder, seed + number) for number in range(_DRAWS)]
        images = sum(len(draw.training) + len(draw.test) for draw in draws)
        print(f"| {folder.name} | {images} | {sum(map(differing_ranges, draws))} |", flush=True)


def percentiles_alone() -> AbstractContextManager[object]:
    """Let percentiles 1 and 99.8 of each channel of an image become 0 and 1, whatever it shows."""
    return patch.object(measure_intensity, "_of_channel", _by_percentiles)


def differing_ranges(dataset: Dataset) -> int:
    """Return in how many images of a draw a channel has another range, or may be called empty."""
    count = 0
    for picture in (*dataset.training, *dataset.test):
        (plane,) = pieces_like(picture.image, picture.truth, 2).data
        today = intensities_of(plane)
        with percentiles_alone():
            before = intensities_of(plane)
        pairs = zip(before, today, strict=True)
        count += any(
            (old.low, old.high) != (new.low, new.high) or not new.shows_things for old, new in pairs
        )
    return count


def _by_percentiles(patches: Sequence[np.ndarray]) -> Intensity:
    pixels = measure_intensity.imaged(np.concatenate([one.ravel() for one in patches]))
    low, ground, high = np.percentile(pixels, [1.0, 50.0, 99.8]).tolist()
    return Intensity(low, high, high - low, ground, noise=0.0, evenness=0.0)
