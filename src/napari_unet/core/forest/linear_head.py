"""Logistic regression on what the encoder says of painted pixels: the first answer's other half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.network.encoder import FEATURES, TAP_CHANNELS, TAP_STRIDES, Taps
from napari_unet.core.network.taps import enlarge
from napari_unet.errors import InvalidModel

_STRENGTH = 0.01  # of what the pixels say against weights of 0
_MOST_PIXELS = 3000
_NEVER = -100.0  # log-probability, about, of a class that is not painted
_SMALLEST_SCALE = 1e-6


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Softmax of linear functions of standardised values, as plain arrays.

    From (F,) values ``mean`` is taken, then they are divided by ``scale``; weights are (K, F), the
    bias (K,), all float32.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return len(self.bias)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Return class probabilities, (K, ...) float32, for values (..., F)."""
        weight, bias = self.direct()
        logits = torch.from_numpy(np.ascontiguousarray(values, np.float32)) @ weight.T + bias
        return np.moveaxis(logits.softmax(dim=-1).numpy(), -1, 0)

    def predict_taps(self, taps: Taps, size: tuple[int, int]) -> Tensor:
        """Return class probabilities of an image, (K, Y, X) float32, from the encoder's taps.

        The values at each pixel are never formed: a linear function of enlarged taps is the
        enlarged linear function of the taps. ``size`` is the image's (Y, X).
        """
        weight, bias = (part.to(taps[0].device) for part in self.direct())
        logits = bias[:, None, None].expand(-1, *size)
        for tap, part, stride in zip(taps, weight.split(TAP_CHANNELS, 1), TAP_STRIDES, strict=True):
            coarse = torch.einsum("kc,cyx->kyx", part, tap[0].float())
            logits = logits + enlarge(coarse[None], stride, size)[0]
        return logits.softmax(dim=0)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, to be written into a file."""
        return {name: getattr(self, name) for name in self.names()}

    @classmethod
    def checked(cls, arrays: Mapping[str, np.ndarray], n_classes: int) -> LinearHead:
        """Build a head from arrays of a file."""
        try:
            head = cls(**{name: np.asarray(arrays[name]) for name in cls.names()})
        except KeyError as error:
            raise InvalidModel(f"the model file lacks the linear head's {error}.") from None
        shapes = ((FEATURES,), (FEATURES,), (n_classes, FEATURES), (n_classes,))
        found = list(head.arrays().values())
        fits = all(a.shape == shape for a, shape in zip(found, shapes, strict=True))
        if (
            not fits
            or not all(a.dtype == np.float32 and np.isfinite(a).all() for a in found)
            or (head.scale <= 0).any()
        ):
            raise InvalidModel(
                "the linear head in the model file is damaged; take another copy of it."
            )
        return head

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names of the arrays."""
        return ("mean", "scale", "weights", "bias")

    def direct(self) -> tuple[Tensor, Tensor]:
        """Return weights (K, F) and bias (K,) for values as they are."""
        weight = self.weights / self.scale
        bias = self.bias - weight @ self.mean
        return torch.from_numpy(weight), torch.from_numpy(bias)


def fit_linear_head(values: np.ndarray, classes: np.ndarray, n_classes: int) -> LinearHead:
    """Fit balanced logistic regression with an L2 penalty.

    On (N, F) float32 values at painted pixels, of which some are taken, evenly, if they are many,
    and their (N,) class indices. Not each of the K classes need occur, and one that does not is
    never predicted.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    values, classes = _some(values, np.asarray(classes, np.int64), n_classes)
    mean = values.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = values.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(deviation > _SMALLEST_SCALE, deviation, np.float32(1))
    weights = np.zeros((n_classes, values.shape[1]), np.float32)
    bias = np.full(n_classes, _NEVER, np.float32)
    there = np.unique(classes)
    if len(there) == 1:
        bias[there] = 0
        return LinearHead(mean, scale, weights, bias)
    fitted = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=200)
    with threadpool_limits(1):  # several threads wait for each other longer than one computes
        fitted.fit((values - mean) / scale, classes)
    if len(there) == 2:  # scikit-learn has one function for two classes
        weights[there[1]], bias[there] = fitted.coef_[0], (0, fitted.intercept_[0])
    else:
        weights[there], bias[there] = fitted.coef_, fitted.intercept_
    return LinearHead(mean, scale, weights, bias)


def _some(values: np.ndarray, classes: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most about 3,000 pixels, of each class as many where there are."""
    most = max(1, _MOST_PIXELS // n_classes)
    kept = [np.flatnonzero(classes == index) for index in range(n_classes)]
    kept = [
        at[np.linspace(0, len(at) - 1, most).astype(int)] if len(at) > most else at for at in kept
    ]
    chosen = np.concatenate(kept)
    return values[chosen], classes[chosen]
