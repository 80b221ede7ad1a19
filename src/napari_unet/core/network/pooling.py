"""Which axes a U-Net pools at which level, and the sizes that follow from it; free of torch.

A microscope's voxels are often several times longer along the planes than along rows and columns.
Such an axis is left alone until the others have been pooled so far that the voxels are about
cubic, and so long it is not convolved over either: neighbouring planes of such voxels have less in
common than neighbouring pixels. Falk et al. 2019 (Nature Methods 16, 67-70) do so, and Isensee et
al. 2021 (nnU-Net, Nature Methods 18, 203-211) with the rule used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

Pooling = tuple[tuple[int, ...], ...]

_ABOUT_CUBIC = 1.99  # less than twice as long; 2 itself, with rounding, is not


def pooling_for(voxel_size: Sequence[float], depth: int) -> Pooling:
    """Return by how much each level pools each axis.

    An axis is pooled by 2 at a level if its voxels are by then less than twice as long as the
    shortest, else it is left for a later level; each of the ``depth`` levels pools some axis. The
    voxel's size is (plane, row, column) or (row, column) in any unit.

    >>> pooling_for((4.0, 1.0, 1.0), 3)
    ((1, 2, 2), (1, 2, 2), (2, 2, 2))
    """
    size = [float(length) for length in voxel_size]
    levels = []
    for _ in range(depth):
        factors = tuple(2 if about_cubic((length, min(size))) else 1 for length in size)
        size = [length * factor for length, factor in zip(size, factors, strict=True)]
        levels.append(factors)
    return tuple(levels)


def about_cubic(voxel_size: Sequence[float]) -> bool:
    """Tell whether the longest side of a voxel is less than twice the shortest."""
    return max(voxel_size) < _ABOUT_CUBIC * min(voxel_size)


def kernels_of(pooling: Pooling) -> Pooling:
    """Return the convolutions' kernels along each axis, for each level and the deepest.

    3, but 1 along an axis that neither this level nor one before it pools. At the deepest level 3
    along every axis, so that however long its voxels are, each plane sees its neighbours.
    """
    levels = [
        tuple(3 if stride > 1 else 1 for stride in strides) for strides in strides_of(pooling)[1:]
    ]
    return (*levels, (3,) * len(pooling[0]))


def strides_of(pooling: Pooling) -> Pooling:
    """Return how many voxels of the input one of a level stands for, for each level and axis."""
    ndim = len(pooling[0])
    return tuple(
        tuple(prod(factors[axis] for factors in pooling[:level]) for axis in range(ndim))
        for level in range(len(pooling) + 1)
    )


def margins_of(pooling: Pooling) -> tuple[int, ...]:
    """Return the voxels lost at each border by an unpadded pass, along each axis.

    A convolution loses half of its kernel, in voxels of its level; there are two on the way down
    and two on the way up at each level, and two at the deepest.
    """
    counts = [4] * len(pooling) + [2]
    return tuple(
        sum(
            count * (kernel[axis] // 2) * stride[axis]
            for count, kernel, stride in zip(
                counts, kernels_of(pooling), strides_of(pooling), strict=True
            )
        )
        for axis in range(len(pooling[0]))
    )


def cropped_of(pooling: Pooling) -> tuple[int, ...]:
    """Return the voxels lost along each axis on the way up, at both borders together."""
    kernels, strides = kernels_of(pooling)[:-1], strides_of(pooling)[:-1]
    return tuple(
        sum(2 * (k[axis] - 1) * s[axis] for k, s in zip(kernels, strides, strict=True))
        for axis in range(len(pooling[0]))
    )
