"""What a network sees of an image, one piece after the other: its planes, or its volumes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import isnan, prod

import numpy as np

from napari_unet.core.images.check_array import NOTHING_IMAGED
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.resampling import Resampled
from napari_unet.core.images.source_piece import SourcePiece
from napari_unet.core.images.stack_intensity import as_stack
from napari_unet.core.network.onnx_network import Network
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.errors import InvalidInput


def piece_axes(source: ImageSource, network: Network) -> str:
    """Return the axes along which pieces lie: a network of volumes sees all slices at once."""
    return source.plane_axes if network.ndim == 2 else source.plane_axes.replace("Z", "")


def count_pieces(source: ImageSource, network: Network, level: int = 0) -> int:
    """Return how many planes, or volumes, an image has."""
    sizes = source.sizes(level)
    return prod(sizes[letter] for letter in piece_axes(source, network))


def nothing_to_find(value: float) -> InvalidInput:
    """Return what is raised for an image whose pixels all have the same value, or none."""
    if isnan(value):
        return InvalidInput(NOTHING_IMAGED)
    return InvalidInput(
        f"every pixel of the image is {value:g}, so there is nothing to find; choose another image "
        "or channel."
    )


class Piece:
    """A plane or volume as the network sees it, whose intensities are asked for once.

    ``seen`` is what is read, ``where`` its index along T, and of a plane along Z.
    """

    def __init__(
        self, seen: SourcePiece, where: Mapping[str, int], factors: tuple[float, float] | None
    ) -> None:
        self._where = where
        self._resampled = None if factors is None else Resampled(seen, factors)
        self.shape: tuple[int, ...] = (self._resampled or seen).shape
        self.read = (self._resampled or seen).read
        self._known = seen.intensities()

    def intensities(self) -> Intensities:
        """Return what its grey values are like."""
        return self._known

    @property
    def is_constant(self) -> bool:
        """Whether each channel has one value."""
        return all(one.span == 0 for one in self._known)

    def put_back(self, part: TileProbabilities) -> tuple[dict[str, int | slice], np.ndarray]:
        """Return where in the image a tile is, by axis, and the (K, *axes) probabilities there."""
        if self._resampled is None:
            slices, values = part.tile.slices, part.probabilities
        else:
            slices, values = self._resampled.put_back(part.tile, part.probabilities)
        letters = "ZYX"[-len(slices) :]
        return {**self._where, **dict(zip(letters, slices, strict=True))}, values


def pieces_of(
    source: ImageSource,
    network: Network,
    *,
    channels: Sequence[int] | None = None,
    level: int = 0,
    factors: tuple[float, float] | None = None,
    together: bool = False,
) -> Iterator[Piece]:
    """Iterate over an image's pieces, none of which need be in memory.

    See :func:`napari_unet.core.segmentation.segment.segment`; ``together``: all pieces are scaled
    as one. If all are constant that is refused, at the last of them.
    """
    axes, sizes = piece_axes(source, network), source.sizes(level)
    get = source.plane if network.ndim == 2 else source.volume
    varied = False
    left = count_pieces(source, network, level)
    for index in product(*(range(sizes[letter]) for letter in axes)):
        seen = get(index, channels=channels, level=level)
        seen = as_stack(seen) if together else seen
        piece = Piece(seen, dict(zip(axes, index, strict=True)), factors)
        varied |= not piece.is_constant
        left -= 1
        if not left and not varied:
            raise nothing_to_find(piece.intensities()[0].ground)
        yield piece
