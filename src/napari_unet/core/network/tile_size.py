"""How large tiles are, where nobody says so: as fast as memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from napari_unet.core.images.box import Tile
from napari_unet.core.network.config import UNetConfig
from napari_unet.core.network.onnx_network import ForeignNetwork, Network
from napari_unet.core.network.pretrained_config import PretrainedConfig

if TYPE_CHECKING:
    import torch

# Sides of the output of a plane's tile in pixels. On a CPU larger tiles fall out of the caches and
# smaller ones compute more context than output, see benchmarks/README.md.
_CPU_TILE = 512
_WIDE_CPU_TILE = 768  # with the wider context of the pretrained encoder
_GPU_TILE = 1024
# Voxels of a tile's input, for 16 channels at the first level: of its maps about five are in memory
# at a time, 1.4 GB on a CPU and 11 GB on a GPU.
_CPU_VOXELS = 2**22
_GPU_VOXELS = 2**25
_CHANNELS = 16
_FOREIGN_TILE = 1024  # of a network whose context is not known: the fewer borders the better
_FOREIGN_VOLUME = 96


def best_tile(device: torch.device | None) -> int:
    """Return the side of the output of a plane's tile that is fastest on a device, in pixels.

    ``None`` for a device that is not known, where tiles are as small as for a CPU.
    """
    return _CPU_TILE if device is None or device.type == "cpu" else _GPU_TILE


def best_sides(config: Network, region: Tile, device: torch.device | None) -> tuple[int, ...]:
    """Return the sides of the output of the tiles that are fastest on a device, in pixels.

    For a device that is not known, ``None``, tiles are as small as for a CPU.
    """
    if isinstance(config, ForeignNetwork):
        side = _FOREIGN_TILE if config.ndim == 2 else _FOREIGN_VOLUME
        return (side,) * config.ndim
    if config.ndim == 2:
        best = best_tile(device)
        wide = isinstance(config, PretrainedConfig)
        return (max(best, _WIDE_CPU_TILE) if wide else best,) * 2
    assert isinstance(config, UNetConfig)  # the only one of volumes
    voxels = _CPU_VOXELS if device is None or device.type == "cpu" else _GPU_VOXELS
    return largest_sides(config, region, voxels * _CHANNELS // config.base_channels)


def largest_sides(config: Network, region: Tile, voxels: int) -> tuple[int, ...]:
    """Return the sides of the output of a tile whose input has about that many voxels.

    An output is the larger for the same input, the more the input's sides are like the margins;
    what an axis of the region is too short for goes to the other axes.
    """
    contexts = [2 * margin for margin in config.margins]
    sides = covering_sides(config, region)
    limits = [side + context for side, context in zip(sides, contexts, strict=True)]
    box = box_of(voxels, limits, contexts)
    return tuple(max(1, side - context) for side, context in zip(box, contexts, strict=True))


def covering_sides(config: Network, region: Tile) -> tuple[int, ...]:
    """Return the sides of the one tile that would cover a region, multiples of the strides."""
    pairs = zip(region.ranges, config.strides, strict=True)
    return tuple((-(-stop // stride) - start // stride) * stride for (start, stop), stride in pairs)


def box_of(voxels: int, limits: Sequence[int], proportions: Sequence[float]) -> tuple[int, ...]:
    """Return the sides of a box of at most that many voxels.

    Fewer where that is more than the limits, the longest allowed side along each axis, allow; what
    an axis is too short for goes to the others. ``proportions`` are those of the sides to each
    other, where there are no limits.
    """
    sides = dict(enumerate(limits))
    free = set(sides)
    while free:
        left = voxels / prod(sides[axis] for axis in sides if axis not in free)
        scale = (left / prod(proportions[axis] for axis in free)) ** (1 / len(free))
        short = {axis for axis in free if sides[axis] <= scale * proportions[axis]}
        if not short:
            sides |= {axis: max(1, int(scale * proportions[axis])) for axis in free}
            break
        free -= short
    return tuple(sides.values())
