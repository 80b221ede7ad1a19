"""What a prediction of a part needs around it."""

from napari_unet.core.forest.filters import BLOCK, CONTEXT, MARGIN
from napari_unet.core.images.box import Tile, mirrored
from napari_unet.core.network.onnx_network import ForeignNetwork, Network
from napari_unet.core.network.tiling import output_side


def surroundings(
    config: Network, region: Tile, shape: tuple[int, ...], *, classifier: bool = True
) -> Tile:
    """Return what has to be read to predict a region exactly as the whole plane would be.

    That is the network's context, or what is mirrored there at the plane's borders; with a pixel
    classifier that still counts in whole blocks of its map, with the refiner's context and the
    features' margin. The plane is (Y, X), a volume (Z, Y, X).
    """
    spans = []
    for axis, ((start, stop), size) in enumerate(zip(region.ranges, shape, strict=True)):
        stride, margin = config.strides[axis], config.margins[axis]
        first = start // stride * stride
        # A last tile of a few pixels needs as much as the smallest output, which is a stride more.
        last = first + output_side(config, stop - first, axis) + stride
        if isinstance(config, ForeignNetwork):
            last = stop + output_side(config, 1, axis) + config.space[axis].step + stride
        low, high = _hull(first - margin, last + margin, size)
        if classifier:
            low, high = low // BLOCK * BLOCK, min(-(-high // BLOCK) * BLOCK, size)
            around = CONTEXT + MARGIN
            low, high = _hull(low - around, high + around, size)
        spans.append((low, high))
    return Tile(*spans)


def _hull(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return the span of the pixels that a mirrored axis shows from ``start`` to ``stop``."""
    found = mirrored(start, stop, size)
    return int(found.min()), int(found.max()) + 1
