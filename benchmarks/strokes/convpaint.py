"""The published plugin Convpaint, in an environment and a process of its own.

`napari-convpaint` is installed once, some gigabytes, into a virtual environment in the user's
cache. Its features are the Gaussians that it comes with, at the scales of its default model, and
its classifier is its default, CatBoost. The features that it is published for are those of VGG16
and DINOv2, whose weights are downloads of their own; nothing here says how good those are.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import environments
from benchmarks.common.clocks import Clock
from benchmarks.common.environments import our_torch
from napari_unet.errors import UserError

VERSION = "1.2.0"
_WORKER = "benchmarks.strokes.convpaint_worker"


def environment() -> Path:
    """Return the Python of the environment, which is made when it is not there yet.

    Raises
    ------
    UserError
        The package cannot be installed.
    """
    # Without Qt it cannot be imported.
    packages = (f"napari-convpaint=={VERSION}", "PyQt6", our_torch())
    return environments.environment(f"convpaint-{VERSION}", packages)


class Convpaint:
    """The method, see the module.

    Its training is as long as it is; ``run`` takes no heed of the seconds. What its process
    computes is not in the processor time of ours.
    """

    answers_at_once = True

    def __init__(self, images: Sequence[np.ndarray], seed: int, clock: Clock) -> None:
        self._images = list(images)
        self._labels: dict[int, np.ndarray] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="convpaint-")
        self._worker = subprocess.Popen(  # ends with its stdin, at the latest when we end
            [environment(), "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        )

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take the scribbles of an image."""
        self._labels[index] = np.array(labels, np.uint8)

    def run(self, seconds: float) -> float:
        """Learn from all images with strokes."""
        painted = [(i, labels) for i, labels in self._labels.items() if labels.any()]
        arrays: dict[str, np.ndarray] = {}
        for number, (index, labels) in enumerate(painted):
            arrays[f"image{number}"] = _planes(self._images[index])
            arrays[f"labels{number}"] = labels
        self._ask(arrays)
        return float("nan")

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        path = self._ask({"image": _planes(image)})
        with np.load(path) as answer:
            return answer["found"].astype(np.uint8)

    def _ask(self, arrays: dict[str, np.ndarray]) -> Path:
        """Let the worker deal with arrays; return the file that held them."""
        path = Path(self._folder.name) / "asked.npz"
        np.savez(path, allow_pickle=False, **arrays)
        if self._worker.stdin is None or self._worker.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        print(path, file=self._worker.stdin, flush=True)
        if not self._worker.stdout.readline():
            raise UserError(
                f"Convpaint's process ended ({self._worker.wait()}); delete its environment "
                f"{environment().parents[1]} to have it made anew, or leave convpaint out."
            )
        return path


def _planes(image: np.ndarray) -> np.ndarray:
    """Return (Y, X) or (C, Y, X) float32."""
    channels_last = image.ndim == 3 and image.shape[-1] == 3
    return np.asarray(np.moveaxis(image, -1, 0) if channels_last else image, np.float32)
