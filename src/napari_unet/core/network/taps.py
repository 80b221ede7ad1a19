"""What the encoder's layers say of single pixels, and coarse maps made as large as the image."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.core.network.encoder import TAP_STRIDES, Taps


def values_at(taps: Taps, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the taps' values at N pixels, each tap enlarged linearly as by :func:`enlarge`.

    (N, 224) float32 at (N,) rows and columns of one image.
    """
    found = []
    for tap, stride in zip(taps, TAP_STRIDES, strict=True):
        top, bottom, down = _neighbours(rows, stride, tap.shape[-2])
        left, right, along = _neighbours(columns, stride, tap.shape[-1])
        upper = torch.lerp(tap[0, :, top, left].float(), tap[0, :, top, right].float(), along)
        lower = torch.lerp(tap[0, :, bottom, left].float(), tap[0, :, bottom, right].float(), along)
        found.append(torch.lerp(upper, lower, down))
    return torch.cat(found).T.contiguous().cpu().numpy()


def enlarge(coarse: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Make a map (B, C, Y / stride, X / stride) as large as an image, (Y, X), linearly."""
    large = functional.interpolate(
        coarse, scale_factor=float(stride), mode="bilinear", align_corners=False
    )
    return large[..., : size[0], : size[1]]


def _neighbours(at: np.ndarray, stride: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two cells around each pixel's middle, and how far it is from the first."""
    place = ((torch.from_numpy(np.asarray(at)).float() + 0.5) / stride - 0.5).clamp(min=0)
    first = place.long().clamp(max=length - 1)
    return first, (first + 1).clamp(max=length - 1), place - first
