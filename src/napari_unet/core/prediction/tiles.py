"""A plane, predicted tile by tile."""

from collections.abc import Iterator

import torch

from napari_unet.core.events import Notice
from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import fast_dtype, free_memory, is_out_of_memory
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.core.network.tile_size import best_sides
from napari_unet.core.network.tiling import halves, plan
from napari_unet.core.prediction.kept_answers import KeptAnswers
from napari_unet.core.prediction.onnx_predictor import ForeignAnswers
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.errors import DeviceUnavailable, InvalidInput


def predict_tiles(
    model: Model,
    plane: Plane,
    *,
    device: torch.device,
    tile: int | None = None,
    region: Tile | None = None,
    fast: bool = False,
    class_map: ClassMap | None = None,
    kept: KeptAnswers | None = None,
) -> Iterator[TileProbabilities | Notice]:
    """Predict a plane or a volume tile by tile; memory is bounded by the tile.

    Each output pixel is computed once, from its full context, see
    :func:`napari_unet.core.network.tiling.context`. The plane is (C, Y, X), for a model of volumes
    (C, Z, Y, X); any real dtype; only the parts under the tiles are read of one that is not in
    memory. Tiles of the region, or of everything, come row by row; ``tile`` is the side of a tile's
    output in pixels, ``None`` for the fastest known.
    ``fast`` computes in the device's fastest precision instead of float32, in which tiles agree to
    1e-5. ``class_map`` is what the model's classifier says and ``kept`` what its network said,
    where the caller keeps them. ``Notice``: memory ran out and the tile was halved;
    ``DeviceUnavailable`` if it does not even suffice for the smallest.
    """
    config = model.header.network
    if tile is not None and tile < 1:
        raise InvalidInput(f"a tile of {tile} px is too small; use at least {config.strides[-1]}.")
    dtype = fast_dtype(device, config.ndim) if fast else torch.float32
    answers: Answers | ForeignAnswers
    if isinstance(config, ForeignNetwork):
        answers = ForeignAnswers(model, plane)
    else:
        answers = Answers(model, plane, device=device, dtype=dtype, class_map=class_map, kept=kept)
    region = region or Tile.whole(plane.shape[1:])
    waiting = list(plan(config, region, tile or best_sides(config, region, device)))[::-1]
    ready = 0
    while waiting:
        current = waiting.pop()
        try:
            probabilities = answers.probabilities(current)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if halves(config, current) is None:
                raise DeviceUnavailable(
                    "memory does not suffice for the smallest tile; close other programs or use "
                    "another device."
                ) from None
            waiting.append(current)
            waiting = [
                part for whole in waiting for part in (halves(config, whole) or (whole,))[::-1]
            ]
            free_memory(device)
            yield Notice("memory ran out while predicting; going on with tiles half as large.")
            continue
        ready += current.pixels
        yield TileProbabilities(current, probabilities, ready / region.pixels)
