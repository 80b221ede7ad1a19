"""How large tiles are, where nobody says so: as fast as memory allows."""

from __future__ import annotations

from math import prod

import torch

from napari_unet.core.config import UNetConfig
from napari_unet.core.tiling import Tile

# Sides of the output of a plane's tile in pixels. On a CPU larger tiles fall out of the caches and
# smaller ones compute more context than output, see benchmarks/README.md.
_CPU_TILE = 512
_GPU_TILE = 1024
# Voxels of a tile's input, for 16 channels at the first level: of its maps about five are in memory
# at a time, 1.4 GB on a CPU and 11 GB on a GPU.
_CPU_VOXELS = 2**22
_GPU_VOXELS = 2**25
_CHANNELS = 16


def best_sides(config: UNetConfig, region: Tile, device: torch.device) -> tuple[int, ...]:
    """Return the sides of the output of the tiles that are fastest on a device, in pixels.

    Parameters
    ----------
    config
        The network.
    region
        What is to be predicted.
    device
        Where.
    """
    on_cpu = device.type == "cpu"
    if config.ndim == 2:
        return (_CPU_TILE if on_cpu else _GPU_TILE,) * 2
    voxels = _CPU_VOXELS if on_cpu else _GPU_VOXELS
    return largest_sides(config, region, voxels * _CHANNELS // config.base_channels)


def largest_sides(config: UNetConfig, region: Tile, voxels: int) -> tuple[int, ...]:
    """Return the sides of the output of a tile whose input has about that many voxels.

    An output is the larger for the same input, the more the input's sides are like the margins;
    what an axis of the region is too short for goes to the other axes.

    Parameters
    ----------
    config
        The network.
    region
        What is to be cut into tiles.
    voxels
        Of a tile's input.
    """
    margins = config.margins
    inputs = {axis: size + 2 * margins[axis] for axis, size in enumerate(region.sides)}
    free = set(inputs)
    while free:
        left = voxels / prod(inputs[axis] for axis in inputs if axis not in free)
        scale = (left / prod(margins[axis] for axis in free)) ** (1 / len(free))
        short = {axis for axis in free if inputs[axis] <= scale * margins[axis]}
        if not short:
            inputs |= {axis: int(scale * margins[axis]) for axis in free}
            break
        free -= short
    return tuple(max(1, size - 2 * margins[axis]) for axis, size in inputs.items())
