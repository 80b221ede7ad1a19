"""Asking a model about the pixels of strokes that it has not learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_unet.core.forest.filter_blocks import FilterBlocks
from napari_unet.core.forest.forest_map import Guide
from napari_unet.core.forest.random_forest import Forest
from napari_unet.core.images.box import Tile
from napari_unet.core.live.mixing import Opinion
from napari_unet.core.live.stroke_book import Stroke
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import fast_dtype
from napari_unet.core.network.tiling import plan
from napari_unet.core.prediction.plane_predictor import Answers

_TILE = 128


class Judge:
    """Asks both parts of a model about strokes, and keeps what the model's forest says of images.

    Parameters
    ----------
    filters
        Of each image; more may be appended by their owner.
    device
        Where to compute.
    """

    def __init__(self, filters: Sequence[FilterBlocks], device: torch.device) -> None:
        self._filters = filters
        self._device, self._dtype = device, fast_dtype(device)
        self._guides: dict[int, tuple[Forest, Guide]] = {}
        self._first: dict[int, tuple[Forest, np.ndarray]] = {}

    def guide(self, image: int, model: Model) -> Guide:
        """Return what the model's forest says of an image; kept until the forest changes."""
        assert model.first is not None
        forest, guide = self._guides.get(image, (None, None))
        if guide is None or forest is not model.first.forest:
            guide = Guide(self._filters[image], model.first.forest)
            self._guides[image] = (model.first.forest, guide)
        return guide

    def ask(self, model: Model, strokes: Sequence[Stroke]) -> list[Opinion]:
        """Return what a model says of strokes, leaving out those of classes it does not know."""
        return [self._ask(model, stroke, kept=False) for stroke in strokes if _knows(model, stroke)]

    def ask_again(self, model: Model, strokes: Sequence[Stroke]) -> list[Opinion]:
        """Do the same for strokes that do not change; the first answer is asked once a forest."""
        return [self._ask(model, stroke, kept=True) for stroke in strokes if _knows(model, stroke)]

    def _ask(self, model: Model, stroke: Stroke, *, kept: bool) -> Opinion:
        assert model.first is not None
        forest, first = self._first.get(stroke.number, (None, None))
        if first is None or forest is not model.first.forest or not kept:
            first = self._said(model, stroke, share=0.0)
            if kept:
                self._first[stroke.number] = (model.first.forest, first)
        truth = int(np.flatnonzero(model.class_ids == stroke.class_id)[0])
        return Opinion(truth, first, network=self._said(model, stroke, share=1.0))

    def _said(self, model: Model, stroke: Stroke, *, share: float) -> np.ndarray:
        """Return the (K, N) float32 probabilities at a stroke's pixels."""
        rows, columns = stroke.rows, stroke.columns
        box = Tile(
            (int(rows.min()), int(rows.max()) + 1), (int(columns.min()), int(columns.max()) + 1)
        )
        answers = Answers(
            model,
            self._filters[stroke.image].plane,
            device=self._device,
            dtype=self._dtype,
            guide=self.guide(stroke.image, model),
            share=share,
        )
        found = np.zeros((len(model.classes), len(rows)), dtype=np.float32)
        for tile in plan(model.header.network, box, _TILE):
            (top, bottom), (left, right) = tile.rows, tile.columns
            here = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
            if here.any():
                probabilities = answers.probabilities(tile)
                found[:, here] = probabilities[:, rows[here] - top, columns[here] - left]
        return found


def _knows(model: Model, stroke: Stroke) -> bool:
    return bool((model.class_ids == stroke.class_id).any())
