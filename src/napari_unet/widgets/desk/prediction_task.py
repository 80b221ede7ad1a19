"""One layer that is predicted: what waits, what is under way, and what its result is made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from napari.layers import Image

from napari_unet.core.diagnosis import Seen
from napari_unet.core.images.box import Part, Tile
from napari_unet.core.images.cutout import is_large
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.io.result import MadeFrom
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import DeviceName
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import Place, picture_of
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.reading import reader
from napari_unet.widgets.layers.volumes import has_place, sides_of

_BYTES_AT_ONCE = 64 * 2**20


@dataclass
class Task:
    """One layer to predict, a few planes or a block of a large plane at a time.

    So neither a stack nor a plane need fit into memory. With a model of volumes it is volumes
    instead, and a part of each where not all are asked for.
    """

    image: Image
    model: bytes
    header: ModelHeader
    waiting: list[tuple[Place, Part | None]]
    probabilities: bool
    doubt: bool
    device: DeviceName
    total: int
    meaning: tuple[object, ...]
    factors: tuple[float, float] | None  # by which the network sees it resampled
    seen: Seen | None  # of whole planes; a part of one may well show one class
    find_origin: Callable[[], MadeFrom] | None  # of a result of all of the image
    origin: MadeFrom | None = None
    job: int = -1
    stopping: bool = False
    mixed: bool = False  # whether something else wrote into its result, too
    current: list[tuple[Place, Part | None]] = field(default_factory=list)
    read: tuple[Place, Callable[[], Sequence[Plane]]] | None = None  # of the last large plane

    def take_next(self) -> None:
        """Take as many planes, volumes, or blocks of large planes as one request may carry."""
        count = self._pieces_at_once()
        self.current, self.waiting = self.waiting[:count], self.waiting[count:]

    def reader(self) -> Callable[[], Sequence[Plane]]:
        """Return what reads the current planes, and finds out first of what image they are."""
        read, find_origin = self._plain_reader(), self.find_origin
        if find_origin is None:
            return read

        def read_first() -> Sequence[Plane]:
            self.origin, self.find_origin = find_origin(), None
            return read()

        return read_first

    def _plain_reader(self) -> Callable[[], Sequence[Plane]]:
        """Return what reads them; of a large one the grey range is found once."""
        places = [place for place, _ in self.current]
        if not is_large(spatial_shape(self.image)):
            return reader(self.image, places)
        if self.read is None or [self.read[0]] != places:
            self.read = (places[0], reader(self.image, places))
        return self.read[1]

    def fits(self, ids: np.ndarray, place: Place, part: Part | None) -> bool:
        """Return whether the image still is what these ids, (Y, X) or (Z, Y, X), are of."""
        try:
            picture = picture_of(self.image)
        except InvalidInput:
            return False
        if picture.meaning != self.meaning or not has_place(picture.shape, place):
            return False
        tile = Tile.whole(sides_of(picture.shape, place)) if part is None else Tile.of(part)
        return ids.shape == tile.sides

    def _pieces_at_once(self) -> int:
        picture = picture_of(self.image)
        if is_large(picture.shape):
            return 1
        pixels = prod(sides_of(picture.shape, self.waiting[0][0])) if self.waiting else 1
        size = pixels * len(picture.channels) * picture.source.dtype.itemsize
        return max(1, _BYTES_AT_ONCE // max(size, 1))
