"""Make the repository's benchmarks importable, and draw a data set for them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture
def blobs(tmp_path) -> Path:
    """Eight images of 48 x 64 with bright discs on noise, uint16, and the discs' instance ids."""
    folder = tmp_path / "data" / "blobs"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    for index in range(8):
        objects = np.zeros((48, 64), np.uint16)
        for number in range(12):
            y, x = rng.integers(6, 42), rng.integers(6, 58)
            objects[np.hypot(rows - y, columns - x) < 6] = number + 1
        image = (300 * rng.random((48, 64)) + 600 * (objects > 0)).astype(np.uint16)
        tifffile.imwrite(folder / "images" / f"t{index:03d}.tif", image)
        tifffile.imwrite(folder / "labels" / f"t{index:03d}.tif", objects)
    return folder
