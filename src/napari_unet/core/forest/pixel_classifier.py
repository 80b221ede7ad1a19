"""The first answer: a random forest on filters and a linear head on pretrained features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from napari_unet.core.forest import pixel_features, random_forest
from napari_unet.core.forest.filters import FILTERS_A_CHANNEL
from napari_unet.core.forest.linear_head import LinearHead, fit_linear_head
from napari_unet.core.forest.pixel_features import Block
from napari_unet.core.forest.random_forest import TREES, Forest, fit_forest
from napari_unet.core.network.encoder import FEATURES
from napari_unet.core.network.pretrained import pretrained_digest
from napari_unet.errors import InvalidModel

_FOREST, _HEAD, _ENCODER = "forest.", "linear_head.", "encoder"


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """The mean of a forest's answer and a linear head's, fitted on strokes.

    The forest works on the filters, the head on what the encoder says.
    """

    forest: Forest
    head: LinearHead

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return self.forest.n_classes

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return class probabilities, (K, N) float32, of (N, F + 224) :meth:`PixelFeatures.at`."""
        by_forest = self.forest.predict(values[:, :-FEATURES])
        return (by_forest + self.head.predict(values[:, -FEATURES:])) / 2

    def predict_block(self, block: Block) -> np.ndarray:
        """Return class probabilities of the window of a block, (K, Y', X') float32."""
        with torch.inference_mode():
            by_head = self.head.predict_taps(block.taps, block.window).numpy()
        return (self.forest.predict(block.filters) + by_head) / 2

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a model file holds of it, by name."""
        return {
            **{_FOREST + name: array for name, array in self.forest.arrays().items()},
            **{_HEAD + name: array for name, array in self.head.arrays().items()},
            _ENCODER: pretrained_digest(),
        }

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of the arrays."""
        return frozenset(
            [_FOREST + name for name in Forest.names()]
            + [_HEAD + name for name in LinearHead.names()]
            + [_ENCODER]
        )

    @classmethod
    def checked(
        cls, arrays: Mapping[str, np.ndarray], in_channels: int, n_classes: int
    ) -> PixelClassifier:
        """Build a classifier from arrays of a file.

        ``InvalidModel`` if they are none, or were fitted on what another encoder says.
        """
        if not np.array_equal(arrays.get(_ENCODER, ()), pretrained_digest()):
            raise InvalidModel(
                "the model was made with other pretrained weights than those of this version of "
                "napari-unet; use the version that made it, or train it again."
            )
        forest = Forest.checked(_of(arrays, _FOREST), in_channels * FILTERS_A_CHANNEL, n_classes)
        return cls(forest, LinearHead.checked(_of(arrays, _HEAD), n_classes))


def fit_classifier(
    values: np.ndarray,
    classes: np.ndarray,
    n_classes: int,
    *,
    seed: int,
    trees: int = TREES,
    weights: np.ndarray | None = None,
) -> PixelClassifier:
    """Fit both parts.

    On (N, F + 224) float32 values of :meth:`PixelFeatures.at` and their (N,) class indices; not
    each of the K classes need occur. (N,) ``weights`` say how much each pixel counts.
    """
    forest = fit_forest(
        values[:, :-FEATURES], classes, n_classes, seed=seed, trees=trees, weights=weights
    )
    return PixelClassifier(forest, fit_linear_head(values[:, -FEATURES:], classes, n_classes))


def warm_up() -> None:
    """Load what features and classifiers need, which takes longer than to use it."""
    random_forest.warm_up()
    pixel_features.warm_up()
    values = np.random.default_rng(0).random((8, FEATURES), dtype=np.float32)
    fit_linear_head(values, np.arange(8) % 2, 2).predict(values)


def _of(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
