"""Augmentation on the training device: one smooth mapping of coordinates, then grey values.

Ronneberger et al. 2015, section 3.1: shift and rotation, deformations and grey value variations;
random displacements on a coarse 3 x 3 grid, Gaussian with 10 px standard deviation, interpolated
bicubically to every pixel. Shifts come from where patches are drawn.

Volumes are moved in physical proportion: a voxel that is five times as long along the planes moves
by a fifth as many planes. They are turned in the plane by any angle, and in space only if their
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
# Measured: more takes away what tells classes of different grey values apart, see docs/method.md.
_CONTRAST = math.log(1.15)
_BRIGHTNESS = 0.05
_NOISE = 0.06
_GRID = 3
_LARGEST_SHARE = 1 / 8
_BICUBIC = -0.75  # the kernel's parameter in the plane, see torch.nn.functional.interpolate


def displacements(
    generator: torch.Generator,
    count: int,
    sides: Sequence[int],
    *,
    elastic: float,
    voxel_size: Sequence[float] | None = None,
) -> Tensor:
    """Draw elastic displacement fields.

    In the plane those of the module's text. In space the displacements of a coarse 3 x 3 x 3 grid,
    interpolated cubically along each axis. The grid is a cube as large as the patch's longest side,
    in the middle of which the patch lies, so that the deformation is as smooth along the planes as
    within them. Patches of volumes are small: lest they fold, displacements are at most an eighth
    of the grid's spacing, as in Çiçek et al. 2016, section 3 (4 voxels of 32).

    ``elastic`` is the standard deviation of the displacements on the coarse grid along each axis,
    in pixels; of volumes in units of the voxel's shortest side, where the patch is large enough for
    it. Gives (count, 2 or 3, *sides) float32, along each axis in pixels; the generator is on the
    CPU.
    """
    if voxel_size is None:
        coarse = elastic * torch.randn(count, 2, _GRID, _GRID, generator=generator)
        return functional.interpolate(coarse, tuple(sides), mode="bicubic", align_corners=True)
    lengths = _lengths(voxel_size)
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


def _lengths(voxel_size: Sequence[float]) -> Tensor:
    """Return a voxel's sides in units of the shortest."""
    return torch.tensor(voxel_size, dtype=torch.float64).div(min(voxel_size)).float()


def cubic_weights(at: Tensor) -> Tensor:
    """Return how much each of a line's three grid points counts at some places.

    Keys 1981 (IEEE Transactions on Acoustics, Speech and Signal Processing 29, 1153-1160), equation
    4, with a = -0.75; beyond its ends the line's last points are repeated. (N,) places from 0 to 2,
    the grid points being at 0, 1 and 2, give (N, 3), each row of sum 1.
    """
    a = _BICUBIC
    points = torch.arange(-2, _GRID + 2)
    d = (at[:, None] - points).abs()
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    kernel = torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros(())))
    ends = functional.one_hot(points.clamp(0, _GRID - 1), _GRID).float()  # (points, 3)
    return kernel @ ends


def sampling_positions(
    generator: torch.Generator,
    count: int,
    sides: Sequence[int],
    *,
    elastic: float,
    voxel_size: Sequence[float] | None = None,
) -> Tensor:
    """Draw where each pixel of a patch is read, relative to the patch's centre.

    Rotation, flips, scale between 1 / 1.3 and 1.3, elastic deformation, see :func:`displacements`.
    Gives (count, *sides, 2 or 3) float32, along each axis in pixels from the centre.
    """
    if voxel_size is not None and about_cubic(voxel_size):
        turned = _rotations_in_space(generator, count)
    else:
        turned = _rotations_in_the_plane(generator, count, len(sides))
    scale = torch.exp(_SCALE * (2 * torch.rand(count, generator=generator) - 1))
    # Turned by any angle, a plane needs one flip.
    flipped = torch.rand(count, 1 if voxel_size is None else 3, generator=generator) < 0.5
    flips = functional.pad(
        torch.where(flipped, -1.0, 1.0), (len(sides) - flipped.shape[1], 0), value=1
    )
    matrix = turned * (scale[:, None] * flips)[:, None, :]
    if voxel_size is not None:  # from voxels to lengths, and back
        lengths = _lengths(voxel_size)
        matrix = matrix * lengths / lengths[:, None]
    positions = torch.einsum("nij,...j->n...i", matrix, plain_positions(sides))
    if elastic > 0:
        field = displacements(generator, count, sides, elastic=elastic, voxel_size=voxel_size)
        positions = positions + field.movedim(1, -1)
    return positions


def plain_positions(sides: Sequence[int]) -> Tensor:
    """Return the positions of an undeformed patch, (*sides, 2 or 3) float32, see above."""
    axes = [torch.arange(side, dtype=torch.float32) - (side - 1) / 2 for side in sides]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def _rotations_in_the_plane(generator: torch.Generator, count: int, ndim: int) -> Tensor:
    """Draw rotations of rows and columns by any angle, (count, ndim, ndim)."""
    angle = 2 * math.pi * torch.rand(count, generator=generator)
    turned = torch.eye(ndim).repeat(count, 1, 1)
    turned[:, -2, -2] = turned[:, -1, -1] = torch.cos(angle)
    turned[:, -1, -2] = torch.sin(angle)
    turned[:, -2, -1] = -torch.sin(angle)
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


def sample(image: Tensor, target: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Read a patch: the image interpolated and mirrored outside, the target nearest, 0 outside.

    (C, Y, X) or (C, Z, Y, X) and (T, Y, X) or (T, Z, Y, X) float32; positions (side, side, 2)
    float32, (row, column) in pixels of the image, or (*sides, 3) with the plane before them. Gives
    (C, *sides) and (T, *sides).
    """
    size = torch.tensor(image.shape[:0:-1], device=positions.device)  # (columns, rows, planes)
    points = positions.flip(-1)[None]  # grid_sample wants (column, row, plane)
    patch = functional.grid_sample(
        image[None],
        points * (2.0 / (size - 1).clamp_min(1)) - 1.0,  # ends at the outer pixels' centres
        mode="bilinear",  # of volumes: trilinear
        padding_mode="reflection",
        align_corners=True,
    )
    labels = functional.grid_sample(
        target[None],
        (2.0 * points + 1.0) / size - 1.0,  # ends at the outer pixels' outer edges
        mode="nearest",
        padding_mode="zeros",
        align_corners=False,
    )
    return patch[0], labels[0]


def vary_grey_values(generator: torch.Generator, patches: Tensor) -> Tensor:
    """Change contrast and brightness of each channel of each patch, and add noise.

    (B, C, Y, X) or (B, C, Z, Y, X) float32, normalised; the generator is on the CPU.
    """
    count, channels, *sides = patches.shape
    ones = [1] * len(sides)
    shape = (count, channels, *ones)
    contrast = torch.exp(_CONTRAST * (2 * torch.rand(shape, generator=generator) - 1))
    shift = _BRIGHTNESS * torch.randn(shape, generator=generator)
    level = _NOISE * torch.rand((count, 1, *ones), generator=generator)
    noise = torch.randn(patches.shape, generator=generator)
    device = patches.device
    mean = patches.flatten(2).mean(dim=2).view(shape)
    varied = (patches - mean) * contrast.to(device) + mean + shift.to(device)
    return varied + noise.to(device) * level.to(device)
