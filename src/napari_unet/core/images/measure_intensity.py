"""What the grey values of a plane or volume are like, from all its pixels or from a sample."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from napari_unet.core.images.intensity import Intensities, Intensity

PERCENTILES = (1.0, 99.8)
_SAMPLED_PIXELS = 2**20  # of which percentiles are taken
_PIXELS_OF_NOISE = 2**17  # of which neighbours are compared
_BAND = 8  # rows
_BLOCK = 4  # pixels a side of what is looked at for few things
_FEWEST = 4  # blocks of which things are made at least
_BEYOND = 4.0  # standard deviations of noise that a thing is brighter or darker than the ground
_OF_THINGS = 95.0  # percentile of how far they are, which becomes 1
_MISSED = 2.0  # times as wide as by percentiles is the range with things that these do not see
_SQUARE = 8  # pixels a side of what is compared to tell things from noise
_TOGETHER = (1, 2, 4)  # squares a side of what is compared too
_ROWS_OF_SQUARES = 128
_PIXELS_OF_SQUARES = 2**22
_FEWEST_DIFFERENCES = 20


def measure(patches: Sequence[np.ndarray]) -> Intensities:
    """Return what the grey values of each channel are like.

    Of (C, Y, X) patches of any real dtype: all of a plane, or blocks out of it. What is not finite
    was not imaged and does not count.
    """
    with np.errstate(invalid="ignore"):  # of what was not imaged
        return tuple(
            _of_channel([patch[channel] for patch in patches]) for channel in range(len(patches[0]))
        )


def _of_channel(patches: Sequence[np.ndarray]) -> Intensity:
    total = sum(patch.size for patch in patches)
    step = max(1, int(np.sqrt(total / _SAMPLED_PIXELS)))
    pixels = imaged(np.concatenate([patch[::step, ::step].ravel() for patch in patches]))
    if pixels.size == 0:
        return Intensity(0.0, 0.0, 0.0, np.nan, 0.0, 0.0)
    low, ground, high = np.percentile(pixels, [PERCENTILES[0], 50.0, PERCENTILES[1]]).tolist()
    bulk = high - low
    by_squares, evenness = _of_squares(patches, low, high)
    noise = _noise(patches) or by_squares
    things = _things(patches, ground, noise, step)
    if max(things[1], high) - min(things[0], low) > _MISSED * bulk:
        low, high = min(low, things[0]), max(high, things[1])
    if low == high:  # by percentiles; what differs are a few pixels
        every = [imaged(patch) for patch in patches]
        low = min(float(part.min()) for part in every if part.size)
        high = max(float(part.max()) for part in every if part.size)
    return Intensity(low, high, bulk, ground, noise, evenness)


def imaged(pixels: np.ndarray) -> np.ndarray:
    """Return the pixels that are finite, (N,); of integers all, as they are."""
    return pixels.ravel() if pixels.dtype.kind in "iu" else pixels[np.isfinite(pixels)]


def imaged_everywhere(pixels: np.ndarray) -> np.ndarray:
    """Return those of (C, N) pixels that are finite in every channel, (C, N')."""
    return pixels if pixels.dtype.kind in "iu" else pixels[:, np.isfinite(pixels).all(axis=0)]


def _noise(patches: Sequence[np.ndarray]) -> float:
    """Return the standard deviation of noise, from differences between neighbours.

    Of pixels and of two by two together, whichever is more: noise that was smoothed, by a lens or
    by software, hardly differs between neighbours. The median does not see edges.
    """
    return max(_differences(patches, 1), 2 * _differences(patches, 2))


def _differences(patches: Sequence[np.ndarray], side: int) -> float:
    found = []
    step = max(1, round(sum(patch.size for patch in patches) / _PIXELS_OF_NOISE))
    for patch in patches:
        # Bands of rows, so that neighbours stay neighbours.
        for top in range(0, patch.shape[0], _BAND * step):
            found.append(_mixed_differences(_means(patch[top : top + _BAND], side)))
    residuals = imaged(np.concatenate(found))
    return _typical_size(residuals) if residuals.size else 0.0


def _mixed_differences(x: np.ndarray, by: int = 1) -> np.ndarray:
    """Return x(i, j) - x(i+by, j) - x(i, j+by) + x(i+by, j+by), halved, (N,).

    Slopes, and what all of a row or a column has in common, are not in it. The sum of four has
    twice the standard deviation of one.
    """
    return ((x[:-by, :-by] - x[by:, :-by] - x[:-by, by:] + x[by:, by:]) / 2).ravel()


def _typical_size(residuals: np.ndarray) -> float:
    """Return the standard deviation of normal noise that has their median deviation."""
    return 1.4826 * float(np.median(np.abs(residuals)))


def _of_squares(patches: Sequence[np.ndarray], low: float, high: float) -> tuple[float, float]:
    """Return the noise by the means of squares, and how evenly all squares differ by it.

    Noise that reaches over few pixels, as a lens, resampling and compression make it, averages out
    in squares: their means differ everywhere alike, and half as much at twice the side. Things and
    textures make some differ more than others, and large ones more than that; in a lattice less.
    """
    found: dict[int, list[np.ndarray]] = {count: [] for count in _TOGETHER}
    step = max(1, round(sum(patch.size for patch in patches) / _PIXELS_OF_SQUARES))
    for patch in patches:
        for top in range(0, patch.shape[0], _ROWS_OF_SQUARES * step):
            band = np.clip(patch[top : top + _ROWS_OF_SQUARES], low, high)
            squares = _means(band, _SQUARE)
            for count, differences in found.items():
                if min(squares.shape) >= 2 * count:
                    windows = sliding_window_view(squares, (count, count)).sum(axis=(2, 3))
                    differences.append(_SQUARE * _mixed_differences(windows, count) / count)
    residuals = {n: imaged(np.concatenate(parts)) for n, parts in found.items() if parts}
    # The windows overlap, n * n of them show what is new.
    enough = [one for n, one in residuals.items() if one.size >= _FEWEST_DIFFERENCES * n * n]
    noise = _typical_size(enough[0]) if enough else 0.0
    if noise == 0:
        return 0.0, 0.0
    sizes = [float(np.sqrt(np.mean(one**2))) / noise for one in enough]
    return noise, min(min(size, 1 / size) for size in sizes)


def _means(patch: np.ndarray, side: int) -> np.ndarray:
    rows, columns = (size // side * side for size in patch.shape)
    # Rows first: numpy adds whole rows much faster than a few neighbours in each.
    whole = patch[:rows, :columns].reshape(rows // side, side, columns)
    bands = whole.sum(axis=1, dtype=np.float64)
    return bands.reshape(rows // side, columns // side, side).sum(axis=2) / side**2


def _things(
    patches: Sequence[np.ndarray], ground: float, noise: float, step: int
) -> tuple[float, float]:
    """Return how dark and how bright things are that may be too few for percentiles."""
    blocks = np.concatenate([_block_medians(patch, step) for patch in patches])
    blocks = imaged(blocks)
    found = []
    for sign in (-1, 1):
        away = sign * (blocks - ground)
        away = away[away > _BEYOND * noise]
        enough = noise > 0 and len(away) >= _FEWEST
        found.append(ground + sign * float(np.percentile(away, _OF_THINGS)) if enough else ground)
    return found[0], found[1]


def _block_medians(patch: np.ndarray, step: int) -> np.ndarray:
    """Return the medians of blocks, (N,): single bright pixels are no things."""
    rows, columns = (size // _BLOCK for size in patch.shape)
    whole = patch[: rows * _BLOCK, : columns * _BLOCK]
    blocks = whole.reshape(rows, _BLOCK, columns, _BLOCK)[::step, :, ::step]
    return np.median(blocks.swapaxes(1, 2).reshape(-1, _BLOCK**2), axis=1).astype(np.float64)
