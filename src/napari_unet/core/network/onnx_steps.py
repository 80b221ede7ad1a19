"""What is done to an image before a network of another program and to its answer; no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.special import expit, softmax

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Numbers = Annotated[tuple[_Number, ...], Field(min_length=1, max_length=4096)]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def applied(self, x: np.ndarray) -> np.ndarray:
        """Return what becomes of (C, ...), float."""
        raise NotImplementedError


class Scale(_Step):
    """``gain * x + offset``, of all channels or of each."""

    kind: Literal["scale"] = "scale"
    gain: _Numbers
    offset: _Numbers

    def applied(self, x: np.ndarray) -> np.ndarray:  # noqa: D102
        return x * _of_channels(self.gain, x) + _of_channels(self.offset, x)


class Clip(_Step):
    """Values outside a range become its ends."""

    kind: Literal["clip"] = "clip"
    low: _Number | None
    high: _Number | None

    def applied(self, x: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.clip(x, self.low, self.high)


class Activation(_Step):
    """Numbers become probabilities."""

    kind: Literal["sigmoid", "softmax"]

    def applied(self, x: np.ndarray) -> np.ndarray:  # noqa: D102
        return expit(x) if self.kind == "sigmoid" else softmax(x, axis=0)


class Binarize(_Step):
    """What is above a threshold, of all channels or of each, becomes 1, the rest 0."""

    kind: Literal["binarize"] = "binarize"
    threshold: _Numbers

    def applied(self, x: np.ndarray) -> np.ndarray:  # noqa: D102
        return (x > _of_channels(self.threshold, x)).astype(x.dtype)


class Measured(BaseModel):
    """Two numbers of the whole image become 0 and 1.

    The percentiles, or for ``None`` the mean and one standard deviation above it; ``eps`` is added
    to what lies between them. Of each channel, else of all together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["measured"] = "measured"
    percentiles: tuple[float, float] | None
    eps: float = Field(gt=0, le=0.1)
    per_channel: bool

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if self.percentiles and not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError("its percentiles are no range")
        return self

    def known(self, pixels: np.ndarray) -> Scale:
        """Return the step with the numbers of an image, (C, N)."""
        groups = (pixels if self.per_channel else pixels.reshape(1, -1)).astype(np.float64)
        if self.percentiles:
            first, last = np.percentile(groups, self.percentiles, axis=1)
            spread = last - first
        else:
            first, spread = groups.mean(axis=1), groups.std(axis=1)
        gain = 1 / (spread + self.eps)
        return Scale(gain=tuple(gain.tolist()), offset=tuple((-first * gain).tolist()))


Known = Scale | Clip | Activation | Binarize
After = Annotated[Known, Field(discriminator="kind")]
Before = Annotated[Known | Measured, Field(discriminator="kind")]


def _of_channels(values: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Return numbers of channels as what (C, ...) can be calculated with, in its dtype."""
    return np.reshape(values, (-1, *(1,) * (x.ndim - 1))).astype(x.dtype)
