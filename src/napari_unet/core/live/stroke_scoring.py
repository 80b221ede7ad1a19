"""Asking a model about the pixels of strokes that it has not learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.live.evidence import Opinion
from napari_unet.core.live.stroke_book import Stroke
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import fast_dtype
from napari_unet.core.network.tiling import plan
from napari_unet.core.prediction.kept_answers import KeptAnswers
from napari_unet.core.prediction.plane_predictor import Answers

_TILE = 128


class Judge:
    """Asks a model about strokes, and keeps what its classifier says of images.

    More features may be appended by their owner.
    """

    def __init__(self, features: Sequence[PixelFeatures], device: torch.device) -> None:
        self._features = features
        self._device, self._dtype = device, fast_dtype(device)
        self._maps: dict[int, tuple[PixelClassifier, ClassMap]] = {}

    def class_map(self, image: int, model: Model) -> ClassMap:
        """Return what the model's classifier says of an image; kept until that changes."""
        assert model.classifier is not None
        classifier, found = self._maps.get(image, (None, None))
        if found is None or classifier is not model.classifier:
            found = ClassMap(self._features[image], model.classifier)
            self._maps[image] = (model.classifier, found)
        return found

    def forget(self, image: int) -> None:
        """Forget what was said of an image that is filtered anew."""
        self._maps.pop(image, None)

    def ask(self, model: Model, stroke: Stroke, kept: KeptAnswers | None = None) -> Opinion:
        """Return what a model says of a stroke of a class that it knows.

        ``kept`` is what the model's network has said already.
        """
        rows, columns = stroke.rows, stroke.columns
        box = Tile(
            (int(rows.min()), int(rows.max()) + 1), (int(columns.min()), int(columns.max()) + 1)
        )
        answers = Answers(
            model,
            self._features[stroke.image].plane,
            device=self._device,
            dtype=self._dtype,
            class_map=self.class_map(stroke.image, model),
            kept=kept,
        )
        found = np.zeros(len(rows), dtype=np.intp)
        for tile in plan(model.header.network, box, _TILE):
            (top, bottom), (left, right) = tile.rows, tile.columns
            here = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
            if here.any():
                classes = answers.probabilities(tile).argmax(axis=0)
                found[here] = classes[rows[here] - top, columns[here] - left]
        truth = int(np.flatnonzero(model.class_ids == stroke.class_id)[0])
        return Opinion(stroke, truth, found)
