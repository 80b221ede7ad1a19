"""The forest's answer as an input of the network."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.forest.filter_blocks import BLOCK, FilterBlocks
from napari_unet.core.forest.forest_map import Guide, log_odds
from napari_unet.core.forest.random_forest import fit_forest


def test_log_odds_are_bounded_and_symmetric():
    p = np.array([0.0, 0.25, 0.5, 0.75, 1.0], dtype=np.float32)
    np.testing.assert_allclose(log_odds(p), [-4, -np.log(3), 0, np.log(3), 4], atol=1e-5)


@pytest.fixture(scope="module")
def plane() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (1, BLOCK + 40, BLOCK + 30), dtype=np.uint8)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_reads_the_forest_at_any_rows_and_columns(plane, n_classes):
    blocks = FilterBlocks(plane)
    rng = np.random.default_rng(1)
    rows, columns = (rng.integers(0, size, 400) for size in blocks.shape)
    values = blocks.at(rows, columns)
    forest = fit_forest(values, rng.integers(0, n_classes, 400), n_classes, seed=0, trees=5)
    guide = Guide(blocks, forest)
    wanted_rows = np.array([3, 2, BLOCK + 5, BLOCK - 1, 3])
    wanted_columns = np.array([BLOCK + 1, 0, 0])
    found = guide.read(wanted_rows, wanted_columns)
    grid = np.meshgrid(wanted_rows, wanted_columns, indexing="ij")
    slowly = log_odds(forest.predict(blocks.at(grid[0].ravel(), grid[1].ravel())))
    slowly = slowly.reshape(n_classes, 5, 3)[1 if n_classes == 2 else 0 :]
    np.testing.assert_allclose(found, slowly, atol=2e-3)  # kept in half precision
    np.testing.assert_allclose(
        guide.probabilities(wanted_rows, wanted_columns).sum(axis=0), 1, rtol=1e-5
    )


def test_blocks_join_without_a_seam(plane):
    """The same filters as of the whole plane, away from its borders."""
    from napari_unet.core.forest.filter_blocks import filters
    from napari_unet.core.images.normalise import normalise

    whole = filters(normalise(plane))
    rows = np.full(5, BLOCK // 2)
    columns = np.arange(BLOCK - 2, BLOCK + 3)
    found = FilterBlocks(plane).at(rows, columns)
    np.testing.assert_allclose(found[:2], whole[rows[:2], columns[:2]], atol=2e-3)
