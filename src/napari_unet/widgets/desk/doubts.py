"""Whether labels that somebody chose as strokes look like something else; pure functions."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from napari.layers import Labels
from scipy.ndimage import find_objects

from napari_unet.core.io.write_result import read_label_kind
from napari_unet.widgets.layers.image_marks import file_of
from napari_unet.widgets.layers.spots import Spot
from napari_unet.widgets.layers.strokes import too_many

_FEW = 4  # compact pieces, each of an id of its own, may be dabs of the brush
_FILLS = 0.4  # of its bounding box: a disc 0.79, a stroke that is not straight less
_LONG = 4  # times as long as it is wide
_SHARE = 0.8
_MANY = 15  # classes that somebody else painted strokes of


def doubt_about(layer: Labels, counts: Mapping[Spot, Mapping[int, int]]) -> str | None:
    """Ask in a sentence whether labels that are not the plugin's own are strokes.

    ``counts`` are numbers of pixels of each id above 0, of every labelled plane or cell.
    """
    path = file_of(layer)
    if path is not None and "://" not in path and read_label_kind(Path(path)) is not None:
        return f"“{layer.name}” is a result of this plugin, not strokes."
    labelled = {spot: ids for spot, ids in counts.items() if ids}
    if not labelled:
        return None
    if all(sum(ids.values()) == layer.data[spot.slices].size for spot, ids in labelled.items()):
        return f"In “{layer.name}” every pixel is labelled: is this a result?"
    together = set().union(*labelled.values())
    if together == {1}:
        return (
            f"“{layer.name}” has 0 and 1 alone, as a mask has: as strokes, 1 is background, and 0 "
            "teaches nothing. Press New strokes and paint both, or give background 1 and the rest "
            "2 in it."
        )
    if too_many(together):
        return None
    objects = any(
        _are_objects(np.asarray(layer.data[spot.slices]), ids) for spot, ids in labelled.items()
    )
    if objects or len(together) >= _MANY:
        look = ", which look like single objects" if objects else ""
        return (
            f"“{layer.name}” has {len(together)} different ids{look}; as strokes, each would be a "
            "class of its own. Press New strokes to make a layer for them."
        )
    return None


def _are_objects(plane: np.ndarray, counts: Mapping[int, int]) -> bool:
    """Return whether most ids of a plane, (Y, X), are one compact piece each."""
    if len(counts) < _FEW:
        return False
    boxes = find_objects(plane, max_label=max(counts))
    sides = {i: [side.stop - side.start for side in box] for i in counts if (box := boxes[i - 1])}
    compact = [
        counts[i] >= _FILLS * rows * columns and max(rows, columns) <= _LONG * min(rows, columns)
        for i, (rows, columns) in sides.items()
    ]
    return sum(compact) >= _SHARE * len(counts)
