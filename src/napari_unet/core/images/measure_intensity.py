"""What the grey values of a plane or volume are like, from all its pixels or from a sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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


def measure(patches: Sequence[np.ndarray]) -> Intensities:
    """Return what the grey values of each channel are like.

    Parameters
    ----------
    patches
        (C, Y, X), any real dtype: all of a plane, or blocks out of it. What is not finite was not
        imaged and does not count.
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
        return Intensity(0.0, 0.0, 0.0, np.nan, 0.0)
    low, ground, high = np.percentile(pixels, [PERCENTILES[0], 50.0, PERCENTILES[1]]).tolist()
    bulk = high - low
    noise = _noise(patches)
    things = _things(patches, ground, noise, step)
    if max(things[1], high) - min(things[0], low) > _MISSED * bulk:
        low, high = min(low, things[0]), max(high, things[1])
    if low == high:  # by percentiles; what differs are a few pixels
        every = [imaged(patch) for patch in patches]
        low = min(float(part.min()) for part in every if part.size)
        high = max(float(part.max()) for part in every if part.size)
    return Intensity(low, high, bulk, ground, noise)


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
            x = _means(patch[top : top + _BAND], side)
            if min(x.shape) > 1:
                found.append((x[:-1, :-1] - x[1:, :-1] - x[:-1, 1:] + x[1:, 1:]).ravel())
    if not found:
        return 0.0
    residuals = imaged(np.concatenate(found))
    # The sum of four has twice the standard deviation of one; 1.4826 is that of a median deviation.
    return 1.4826 * float(np.median(np.abs(residuals))) / 2 if residuals.size else 0.0


def _means(patch: np.ndarray, side: int) -> np.ndarray:
    rows, columns = (size // side * side for size in patch.shape)
    whole = patch[:rows, :columns].astype(np.float64)
    return whole.reshape(rows // side, side, columns // side, side).mean(axis=(1, 3))


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
