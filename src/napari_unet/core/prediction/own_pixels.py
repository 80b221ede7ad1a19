"""A prediction on a model's pixel size, given on the image's own pixels tile by tile."""

from collections.abc import Iterator
from functools import partial

import torch

from napari_unet.core.events import Notice
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Measured
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.images.resampling import Resampled
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.core.prediction.tiles import predict_tiles


def predict_own_pixels(
    model: Model,
    plane: Plane,
    factors: tuple[float, float] | None,
    *,
    device: torch.device,
    region: Tile,
    tile: int | None = None,
    fast: bool = True,
) -> Iterator[TileProbabilities | Notice]:
    """Predict a part of a plane or volume, see :func:`predict_tiles`.

    ``factors`` are new pixels for each of the plane's, along rows and columns, that the network is
    given; the region, and the tiles that together are it, are in the plane's own.
    """
    parts_of = partial(predict_tiles, model, device=device, tile=tile, fast=fast)
    if factors is None:
        yield from parts_of(plane, region=region)
        return
    seen = Resampled(Measured(plane), factors)
    over = seen.over(region)
    for part in parts_of(seen, region=over):
        if isinstance(part, Notice):
            yield part
            continue
        where, values = seen.put_back(part.tile, part.probabilities)
        spans = [
            (max(place.start, start), max(place.start, start, min(place.stop, stop)))
            for place, (start, stop) in zip(where, region.ranges, strict=True)
        ]
        inside = tuple(
            slice(start - place.start, stop - place.start)
            for place, (start, stop) in zip(where, spans, strict=True)
        )
        yield TileProbabilities(Tile(*spans), values[:, *inside], part.fraction)
