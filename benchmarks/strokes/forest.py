"""The forest that one would put together from scikit-image and scikit-learn; free of torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Forest:
    """A random forest on filters of several scales, as in ilastik and Labkit.

    Its training is as long as it is; ``run`` takes no heed of the seconds.
    """

    answers_at_once = True

    def __init__(self, images: Sequence[np.ndarray], seed: int, *, threads: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        self._images = list(images)
        self._labels: dict[int, np.ndarray] = {}
        self._cache: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._forest = RandomForestClassifier(n_estimators=100, n_jobs=threads, random_state=seed)

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take the scribbles of an image."""
        self._labels[index] = np.array(labels, np.uint8)

    def run(self, seconds: float) -> float:
        """Fit the forest to the painted pixels."""
        features, classes = [], []
        for index, labels in self._labels.items():
            painted = labels > 0
            features.append(self._features(self._images[index])[painted])
            classes.append(labels[painted])
        self._forest.fit(np.concatenate(features), np.concatenate(classes))
        return float("nan")

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        features = self._features(image)
        return self._forest.predict(features.reshape(-1, features.shape[-1])).reshape(
            features.shape[:-1]
        )

    def _features(self, image: np.ndarray) -> np.ndarray:
        """Return (Y, X, F) float32; an image's features are computed once."""
        from skimage.feature import multiscale_basic_features

        if id(image) not in self._cache:
            axis = None
            if image.ndim == 3:
                axis = -1 if image.shape[-1] == 3 else 0
            found = multiscale_basic_features(
                image.astype(np.float32), sigma_min=0.5, sigma_max=16, channel_axis=axis
            )
            self._cache[id(image)] = (image, found)
        return self._cache[id(image)][1]
