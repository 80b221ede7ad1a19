"""What of a large plane is sent to the learner. Neither Qt nor napari nor torch."""

import numpy as np

from napari_unet.core.images.box import Region, Tile
from napari_unet.core.images.cutout import Cutout, Measured, cut, is_large
from napari_unet.core.images.lazy_plane import Plane, whole_plane
from napari_unet.core.images.resampling import Resampled
from napari_unet.core.images.source_piece import SourcePlane, SourceVolume
from napari_unet.core.images.stack_intensity import as_stack
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.onnx_network import ForeignNetwork, Network
from napari_unet.core.prediction.context import surroundings
from napari_unet.errors import InvalidInput
from napari_unet.session.state import PaintedPlanes, newest_strokes

TOO_WIDE = "the image is too large to be segmented at once; zoom in."
_LIVE = PRESETS["compact"].network(1, 2)  # channels and classes do not change its context
_PAN = 128  # pixels that a view may move before more of the plane is read


def sendable(plane: Plane) -> np.ndarray | Cutout:
    """Return a plane, or a part of one, as what can be sent."""
    return plane if isinstance(plane, Cutout) else whole_plane(plane)


def for_region(
    plane: Plane,
    region: tuple[int, ...] | None,
    network: Network,
    factors: tuple[float, float] | None = None,
    *,
    together: bool = False,
) -> np.ndarray | Cutout:
    """Return what of a plane a prediction of a region needs; a plane of usual size as a whole.

    A volume as a whole too. With factors the network sees it resampled. What is scaled together
    with the other planes of its image knows that. ``InvalidInput`` if the region is too large.
    """
    stored = plane.plane if isinstance(plane, Measured) else plane
    if together and isinstance(stored, SourcePlane | SourceVolume):
        plane = as_stack(stored)
    if isinstance(plane, Cutout):
        return plane
    if len(plane.shape) == 4 or not is_large(plane.shape):
        return cut(plane, Tile.whole(tuple(plane.shape[1:]))) if together else sendable(plane)
    wanted = _bounded(plane, region)
    if factors is None:
        needed = surroundings(network, wanted, _size(plane))
    else:
        seen = Resampled(Measured(plane), factors)
        needed = seen.under(surroundings(network, seen.over(wanted), seen.shape[1:]))
    return cut(plane, needed, sampled=isinstance(network, ForeignNetwork))


def for_view(plane: Plane, region: Region | None) -> np.ndarray | Cutout:
    """Do the same for a live view, with some more around it so that it can move a little."""
    if isinstance(plane, Cutout) or not is_large(plane.shape):
        return sendable(plane)
    around = _grown(_bounded(plane, region), _size(plane), _PAN)
    return cut(plane, surroundings(_LIVE, around, _size(plane)))


def suffices(part: Cutout, region: Region | None) -> bool:
    """Return whether a live view of a region needs no more of a plane than a part that was sent."""
    if region is None:
        return False
    around = _grown(_bounded(part, region), part.plane_shape, 0)
    needed = surroundings(_LIVE, around, part.plane_shape)
    pairs = zip(part.box.ranges, needed.ranges, strict=True)
    return all(has[0] <= needs[0] and needs[1] <= has[1] for has, needs in pairs)


def painted_images(planes: PaintedPlanes) -> tuple[np.ndarray | Cutout, ...]:
    """Return the images of a training: planes, or what was painted of them."""
    pairs = zip(planes.images, planes.boxes or [None] * len(planes.images), strict=True)
    return tuple(
        sendable(plane) if box is None or isinstance(plane, Cutout) else cut(plane, Tile.of(box))
        for plane, box in pairs
    )


class SeenStrokes:
    """The strokes that the last training was sent; tells which are new."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[Region | None, np.ndarray]]] = {}

    def newest(self, planes: PaintedPlanes) -> tuple[np.ndarray, ...]:
        """Return where strokes were painted since the last call, (Y, X) bool of each labels."""
        boxes = planes.boxes or (None,) * len(planes.keys)
        parts = list(zip(planes.keys, boxes, planes.labels, strict=True))
        newest = tuple(
            newest_strokes(labels, self._before(key, box, labels)) for key, box, labels in parts
        )
        for key in planes.keys:
            self._parts[key] = []
        for key, box, labels in parts:
            self._parts[key].append((box, labels))
        return newest

    def _before(self, key: str, box: Region | None, labels: np.ndarray) -> np.ndarray | None:
        """Return what was known of the same pixels; ``None`` if nothing was."""
        known = self._parts.get(key)
        if known is None:
            return None
        if box is None:
            return next((before for where, before in known if where is None), None)
        found = np.zeros_like(labels)
        for where, before in known:
            if where is None:
                continue
            top, left = max(box[0], where[0]), max(box[2], where[2])
            bottom, right = min(box[1], where[1]), min(box[3], where[3])
            if top < bottom and left < right:
                # Pieces overlap where they are only surroundings, which are 0.
                ours = found[top - box[0] : bottom - box[0], left - box[2] : right - box[2]]
                theirs = before[
                    top - where[0] : bottom - where[0], left - where[2] : right - where[2]
                ]
                np.maximum(ours, theirs, out=ours)
        return found


def is_too_wide(shape: tuple[int, ...], region: tuple[int, ...] | None) -> bool:
    """Return whether a part of a large plane, (..., Y, X), is too much to be sent at once."""
    if not is_large(shape):
        return False
    return region is None or is_large((region[1] - region[0], region[3] - region[2]))


def _bounded(plane: Plane, region: tuple[int, ...] | None) -> Tile:
    if region is None or is_too_wide(plane.shape, region):
        raise InvalidInput(TOO_WIDE)
    return Tile.of(region)


def _size(plane: Plane) -> tuple[int, int]:
    return plane.shape[-2], plane.shape[-1]


def _grown(region: Tile, shape: tuple[int, ...], by: int) -> Tile:
    """Grow a region, to whole cells of 16 px, as the learner does before it predicts it."""
    spans = []
    for (start, stop), size in zip(region.ranges, shape, strict=True):
        first, last = (start - by) // 16 * 16, -(-(stop + by) // 16) * 16
        spans.append((max(0, first), min(last, size)))
    return Tile(*spans)
