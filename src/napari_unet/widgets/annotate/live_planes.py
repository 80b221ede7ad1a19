"""The planes that Live was told of, each under a name that never means two pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from napari.components import LayerList
from napari.layers import Image, Labels

from napari_unet.core.images.cutout import Measured, cut, is_large
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.image_marks import id_of
from napari_unet.widgets.layers.planes import channel_count, plane_of, spatial_shape
from napari_unet.widgets.layers.reading import plane_reader
from napari_unet.widgets.layers.roles import is_put_away
from napari_unet.widgets.layers.spots import Spot, around


@dataclass(frozen=True, eq=False)
class LivePlane:
    """A plane, or a cell of a large one, and the layer that its strokes are on, if any."""

    image: Image
    spot: Spot
    strokes: Labels | None


class LivePlanes:
    """Which planes are looked at and learnt from, since Live was switched on."""

    def __init__(self) -> None:
        self._planes: dict[str, LivePlane] = {}
        self._large: dict[str, Measured] = {}
        # How often an image got other data, axes or channels.
        self._replaced: WeakKeyDictionary[Image, int] = WeakKeyDictionary()
        self.channels: int | None = None  # of the images that are learnt from

    def key(self, image: Image, spot: Spot) -> str:
        """Return a plane's name, which is another one when the image gets other data."""
        cell = "" if spot.cell is None else f"{list(spot.cell)}"
        return f"{self.stack(image)}{list(spot.index)}{cell}"

    def stack(self, image: Image) -> str:
        """Return a name for all planes of an image, another one when it gets other data."""
        return f"{image.unique_id}.{self._replaced.get(image, 0)}"

    def get(self, key: str) -> LivePlane | None:
        """Return the plane of a name, if it is known."""
        return self._planes.get(key)

    def has_strokes(self, key: str) -> bool:
        """Return whether strokes of a plane are learnt from."""
        plane = self._planes.get(key)
        return plane is not None and plane.strokes is not None

    def has_strokes_beside(self, image: Image | None) -> bool:
        """Return whether strokes on another image are learnt from."""
        planes = self._planes.values()
        return any(plane.strokes is not None and plane.image is not image for plane in planes)

    def holds(self, layer: object) -> bool:
        """Return whether a layer is the image or the strokes of a plane."""
        return any(layer in (plane.image, plane.strokes) for plane in self._planes.values())

    def look_at(self, image: Image, spot: Spot) -> str:
        """Take up a plane that is looked at; returns its name."""
        key = self.key(image, spot)
        self._planes.setdefault(key, LivePlane(image, spot, None))
        return key

    def paint(self, image: Image, spot: Spot, strokes: Labels) -> str:
        """Take up a plane that is learnt from; returns its name."""
        key = self.key(image, spot)
        self._planes[key] = LivePlane(image, spot, strokes)
        self.channels = channel_count(image)
        return key

    def reader(self, image: Image, spot: Spot) -> Callable[[], Plane]:
        """Return what reads a plane, or a cell of a large one and what is around it, later."""
        if not is_large(spatial_shape(image)):
            return plane_reader(image, spot.index)
        # The range of its grey values, which takes seconds to find, is asked for once.
        key = self.key(image, Spot(spot.index))
        plane = self._large.setdefault(key, Measured(plane_of(image, spot.index)))
        if spot.cell is None:
            return lambda: plane
        box = around(spot.cell, plane.shape)
        return lambda: cut(plane, box)

    def replace(self, image: Image) -> None:
        """Notice that an image got other data, axes or channels."""
        self._replaced[image] = self._replaced.get(image, 0) + 1

    def forget_gone(self, layers: LayerList, choice: Choice) -> list[str]:
        """Drop planes whose layers are gone, or were changed for others; returns their names.

        Painted ones of an image that was put away, as one of a folder is, stay until it is back.
        """
        gone = [key for key, plane in self._planes.items() if self._is_gone(key, layers, choice)]
        for key in gone:
            del self._planes[key]
        return gone

    def _is_gone(self, key: str, layers: LayerList, choice: Choice) -> bool:
        plane = self._planes[key]
        if is_put_away(plane.image):  # it is learnt from until it is shown again
            own = id_of(plane.image)
            back = any(isinstance(x, Image) and id_of(x) == own for x in layers)
            return plane.strokes is None or back
        if plane.image not in layers or key != self.key(plane.image, plane.spot):
            return True
        if plane.strokes is None:
            return False
        swapped = plane.image is choice.image and plane.strokes is not choice.annotation
        return swapped or plane.strokes not in layers

    def clear(self) -> None:
        """Forget all of them; names go on being of one picture each."""
        self._planes.clear()
        self._large.clear()
        self.channels = None
