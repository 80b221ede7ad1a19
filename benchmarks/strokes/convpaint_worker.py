"""Convpaint behind a pipe; run by the Python of an environment that has ``napari-convpaint``.

Each line on stdin is the path of an .npz file. One with ``image0``, ``labels0`` and so on is learnt
from; one with ``image`` is segmented, and ``found`` takes its place. A line on stdout says that it
is done. Images are (Y, X) or (C, Y, X), labels (Y, X), 0 where nothing is painted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.common.torchvision import import_torchvision

if TYPE_CHECKING:
    from napari_convpaint.convpaint_model import ConvpaintModel

SCALES = (1, 2, 4)  # those of Convpaint's default model


def learned(images: list[np.ndarray], labels: list[np.ndarray]) -> ConvpaintModel:
    """Return a model that has learned from strokes."""
    import_torchvision()
    from napari_convpaint.convpaint_model import ConvpaintModel

    model = ConvpaintModel("gaussian")
    mode = "single" if images[0].ndim == 2 else "multi"
    model.set_params(channel_mode=mode, fe_scalings=list(SCALES))
    model.train(images, labels)
    return model


def main() -> None:
    """Answer until stdin ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the classifier reports its progress on stdout
    model = None
    for line in sys.stdin:
        path = line.strip()
        with np.load(path) as asked:
            arrays = dict(asked)
        if "image" in arrays:
            np.savez(path, found=model.segment(arrays["image"]))
        else:
            count = len(arrays) // 2
            images = [arrays[f"image{index}"] for index in range(count)]
            model = learned(images, [arrays[f"labels{index}"] for index in range(count)])
        print("done", file=replies, flush=True)


if __name__ == "__main__":
    main()
