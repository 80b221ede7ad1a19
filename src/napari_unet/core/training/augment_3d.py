"""Augmentation of volumes: where each voxel of a patch is read.

As for planes (:mod:`training.augment`), in physical proportion: lengths are in units of the
shortest side of a voxel, so that a voxel that is five times as long along the planes moves by a
fifth as many planes. Volumes are turned in the plane by any angle, and in space only if their
voxels are about cubic: planes far apart cannot be interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.core.network.pooling import about_cubic

_SCALE = math.log(1.3)
_GRID = 3
_LARGEST_SHARE = 1 / 8
_BICUBIC = -0.75  # the kernel's parameter in the plane, see torch.nn.functional.interpolate


def lengths_of(voxel_size: Sequence[float]) -> Tensor:
    """Return a voxel's sides in units of the shortest, (3,) float32."""
    return torch.tensor([length / min(voxel_size) for length in voxel_size])


def displacements_3d(
    generator: torch.Generator,
    count: int,
    sides: Sequence[int],
    *,
    voxel_size: Sequence[float],
    elastic: float,
) -> Tensor:
    """Draw elastic displacement fields.

    The displacements of a coarse 3 x 3 x 3 grid, interpolated cubically along each axis. The grid
    is a cube as large as the patch's longest side, in the middle of which the patch lies, so that
    the deformation is as smooth along the planes as within them. Patches of volumes are small: lest
    they fold, displacements are at most an eighth of the grid's spacing, as in Çiçek et al. 2016,
    section 3 (4 voxels of 32).

    Parameters
    ----------
    generator
        On the CPU.
    count, sides
        Number of fields and their size in voxels, (planes, rows, columns).
    voxel_size
        Size of a voxel as (plane, row, column), in any unit.
    elastic
        Standard deviation of the displacements on the coarse grid along each axis, in units of
        the voxel's shortest side, where the patch is large enough for it.

    Returns
    -------
    Tensor
        (count, 3, *sides) float32, (plane, row, column) in voxels.
    """
    lengths = lengths_of(voxel_size)
    extents = (torch.tensor(sides) - 1) * lengths
    longest = extents.max().clamp_min(1e-6)
    weights = []
    for side, extent in zip(sides, extents / longest, strict=True):
        across = torch.linspace(-1, 1, side) if side > 1 else torch.zeros(1)
        weights.append(cubic_weights(1 + across * extent))
    deviation = min(elastic, _LARGEST_SHARE * longest.item() / (_GRID - 1))
    coarse = deviation * torch.randn(count, 3, *[_GRID] * 3, generator=generator)
    field = torch.einsum("nvijk,zi,yj,xk->nvzyx", coarse, *weights)
    return field / lengths.view(3, 1, 1, 1)


def cubic_weights(at: Tensor) -> Tensor:
    """Return how much each of a line's three grid points counts at some places.

    Keys 1981 (IEEE Transactions on Acoustics, Speech and Signal Processing 29, 1153-1160),
    equation 4, with a = -0.75; beyond its ends the line's last points are repeated.

    Parameters
    ----------
    at
        (N,) places from 0 to 2, the grid points being at 0, 1 and 2.

    Returns
    -------
    Tensor
        (N, 3), each row sums to 1.
    """
    a = _BICUBIC
    points = torch.arange(-2, _GRID + 2)
    d = (at[:, None] - points).abs()
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    kernel = torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros(())))
    ends = functional.one_hot(points.clamp(0, _GRID - 1), _GRID).float()  # (points, 3)
    return kernel @ ends


def volume_positions(
    generator: torch.Generator,
    count: int,
    sides: Sequence[int],
    *,
    voxel_size: Sequence[float],
    elastic: float,
) -> Tensor:
    """Draw where each voxel of a patch is read, relative to the patch's centre.

    Rotation, flips along each axis, scale between 1 / 1.3 and 1.3, elastic deformation.

    Parameters
    ----------
    generator, count, sides, voxel_size, elastic
        As for :func:`displacements_3d`.

    Returns
    -------
    Tensor
        (count, *sides, 3) float32, (plane, row, column) in voxels from the centre.
    """
    draw = _rotations_in_space if about_cubic(voxel_size) else _rotations_in_the_plane
    turned = draw(generator, count)  # (count, 3, 3)
    scale = torch.exp(_SCALE * (2 * torch.rand(count, generator=generator) - 1))
    flips = torch.where(torch.rand(count, 3, generator=generator) < 0.5, -1.0, 1.0)
    lengths = lengths_of(voxel_size)
    # From voxels to lengths, flipped, turned, and back to voxels.
    matrix = turned * (scale[:, None] * flips)[:, None, :] * lengths / lengths[:, None]
    positions = torch.einsum("nij,zyxj->nzyxi", matrix, plain_volume_positions(sides))
    if elastic > 0:
        field = displacements_3d(generator, count, sides, voxel_size=voxel_size, elastic=elastic)
        positions = positions + field.permute(0, 2, 3, 4, 1)
    return positions


def plain_volume_positions(sides: Sequence[int]) -> Tensor:
    """Return the positions of an undeformed patch, (*sides, 3) float32, see above."""
    axes = [torch.arange(side, dtype=torch.float32) - (side - 1) / 2 for side in sides]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def _rotations_in_the_plane(generator: torch.Generator, count: int) -> Tensor:
    """Draw rotations around the axis of the planes by any angle, (count, 3, 3)."""
    angle = 2 * math.pi * torch.rand(count, generator=generator)
    turned = torch.zeros(count, 3, 3)
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = torch.cos(angle)
    turned[:, 2, 1] = torch.sin(angle)
    turned[:, 1, 2] = -torch.sin(angle)
    return turned


def _rotations_in_space(generator: torch.Generator, count: int) -> Tensor:
    """Draw rotations evenly from all in space, (count, 3, 3).

    From quaternions in random directions (Shoemake 1992, "Uniform random rotations").
    """
    quaternions = functional.normalize(torch.randn(count, 4, generator=generator), dim=1)
    w, x, y, z = quaternions.unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
