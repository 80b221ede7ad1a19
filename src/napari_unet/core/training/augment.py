"""Augmentation on the training device: one smooth mapping of coordinates, then grey values.

Ronneberger et al. 2015, section 3.1: shift and rotation, deformations and grey value variations;
random displacements on a coarse 3 x 3 grid, Gaussian with 10 px standard deviation, interpolated
bicubically to every pixel. Shifts come from where patches are drawn.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_SCALE = math.log(1.3)
# Measured: more takes away what tells classes of different grey values apart, see docs/method.md.
_CONTRAST = math.log(1.15)
_BRIGHTNESS = 0.05
_NOISE = 0.06
_GRID = 3


def displacements(generator: torch.Generator, count: int, side: int, *, elastic: float) -> Tensor:
    """Draw elastic displacement fields.

    Parameters
    ----------
    generator
        On the CPU.
    count, side
        Number of fields and their side in pixels.
    elastic
        Standard deviation of the displacements on the coarse grid, in pixels.

    Returns
    -------
    Tensor
        (count, 2, side, side) float32, (row, column) in pixels.
    """
    coarse = elastic * torch.randn(count, 2, _GRID, _GRID, generator=generator)
    return functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=True)


def sampling_positions(
    generator: torch.Generator, count: int, side: int, *, elastic: float
) -> Tensor:
    """Draw where each pixel of a patch is read, relative to the patch's centre.

    Rotation by any angle, flips, scale between 1 / 1.3 and 1.3, elastic deformation.

    Parameters
    ----------
    generator, count, side, elastic
        As for :func:`displacements`.

    Returns
    -------
    Tensor
        (count, side, side, 2) float32, (row, column) in pixels from the centre.
    """
    angle = 2 * math.pi * torch.rand(count, generator=generator)
    scale = torch.exp(_SCALE * (2 * torch.rand(count, generator=generator) - 1))
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rotation = torch.stack(
        [torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2
    )  # (count, 2, 2)
    rotation = rotation * torch.stack([torch.ones(count), flip], -1)[:, None, :]
    positions = torch.einsum("nij,yxj->nyxi", rotation, plain_positions(side))
    if elastic > 0:
        field = displacements(generator, count, side, elastic=elastic)
        positions = positions + field.permute(0, 2, 3, 1)
    return positions


def plain_positions(side: int) -> Tensor:
    """Return the positions of an undeformed patch, (side, side, 2) float32, see above."""
    axis = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    return torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1)


def sample(image: Tensor, target: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Read a patch: the image interpolated and mirrored outside, the target nearest, 0 outside.

    Parameters
    ----------
    image
        (C, Y, X) or (C, Z, Y, X) float32.
    target
        (T, Y, X) or (T, Z, Y, X) float32.
    positions
        (side, side, 2) float32, (row, column) in pixels of the image; or (*sides, 3) with the
        plane before them.

    Returns
    -------
    tuple of Tensor
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

    Parameters
    ----------
    generator
        On the CPU.
    patches
        (B, C, Y, X) or (B, C, Z, Y, X) float32, normalised.

    Returns
    -------
    Tensor
        The same shape.
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
