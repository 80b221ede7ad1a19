"""A network of another program: an ONNX graph, and how to give it an image; free of torch."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unet.core.network.config import TrainedConfig
from napari_unet.core.network.onnx_steps import After, Before

_Side = Annotated[int, Field(ge=1, le=2**14)]
_Pixels = Annotated[int, Field(ge=0, le=2**11)]
_MOST_VALUES = 2**28  # of the smallest input, or of its answer: 1 GiB
NOT_TRAINABLE = (
    "this model is of another program and can only predict; train a new one, or open one that was "
    "trained here."
)


class SpaceAxis(BaseModel):
    """How long a network's input may be along an axis, and what of its output counts.

    Lengths are ``least + n * step``; without a step always ``least``. The output is ``crop`` pixels
    shorter at each end, and ``halo`` more there do not count; the tiles' corners are multiples of
    ``stride``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: _Side
    step: _Pixels
    crop: _Pixels = 0
    halo: _Pixels = 0
    stride: _Side = 1

    @property
    def margin(self) -> int:
        """Pixels of the input at each end that are context only."""
        return self.crop + self.halo

    @model_validator(mode="after")
    def _has_output(self) -> Self:
        if not self.step and self.least - 2 * self.margin < self.stride:
            raise ValueError("nothing of its output would be left")
        return self


class ForeignNetwork(BaseModel):
    """What is known of the network of another program.

    To what cuts tiles it looks like a U-Net (:class:`napari_unet.core.network.config.UNetConfig`);
    ``n_classes`` counts the background. Axes of the input, and of the graph's first output, are in
    their order, of ``b``, ``c``, ``z``, ``y``, ``x``; rows come before columns and planes before
    rows. ``before`` and ``after`` say what is done to the image and to the output. ``"classes"``:
    the output's channels are the classes and sum to 1; ``"parts"``: each channel is the probability
    of something, and where there is nothing is background, which comes first. ``mirrors``: what
    lies outside the image has to be given, see :func:`napari_unet.core.network.tiling.context`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["onnx"] = "onnx"
    in_channels: int = Field(ge=1, le=4096)
    n_classes: int = Field(ge=2, le=4096)
    ndim: Literal[2, 3]
    axes: str = Field(pattern="^b?c?z?c?y?c?x?c?$", min_length=2)
    output_axes: str = Field(pattern="^b?c?z?c?y?c?x?c?$", min_length=2)
    space: tuple[SpaceAxis, ...]
    before: tuple[Before, ...] = Field(max_length=20)
    after: tuple[After, ...] = Field(max_length=20)
    outputs: Literal["classes", "parts"]
    mirrors: bool = True

    @model_validator(mode="after")
    def _axes_fit(self) -> Self:
        wanted = "zyx"[-self.ndim :]
        for axes in (self.axes, self.output_axes):
            if "".join(letter for letter in axes if letter in "zyx") != wanted:
                raise ValueError(f"its axes are not {wanted}")
            if axes.count("c") > 1:
                raise ValueError("it has two axes of channels")
        if len(self.space) != self.ndim:
            raise ValueError("its axes have no sizes")
        shortest = [self.output_side(1, a) + 2 * m for a, m in enumerate(self.margins)]
        if prod(shortest) * max(self.in_channels, self.n_classes) > _MOST_VALUES:
            raise ValueError("its smallest input is larger than memory should be")
        return self

    @property
    def strides(self) -> tuple[int, ...]:
        """Of which the tiles' corners are multiples, along each axis."""
        return tuple(axis.stride for axis in self.space)

    @property
    def margins(self) -> tuple[int, ...]:
        """Pixels of context along each axis, at each end."""
        return tuple(axis.margin for axis in self.space)

    def output_side(self, wanted: int, axis: int) -> int:
        """Return the side of an output that counts and has at least ``wanted`` pixels."""
        space = self.space[axis]
        if not space.step:
            return max(space.least - 2 * space.margin, wanted)
        # Whole strides: what its pooling sees of the last pixel ends with the stride.
        needed = -(-wanted // space.stride) * space.stride + 2 * space.margin
        steps = max(0, -(-(needed - space.least) // space.step))
        return space.least + steps * space.step - 2 * space.margin

    def most_output(self, axis: int) -> int | None:
        """Return the longest side of an output that counts; ``None`` if there is no limit."""
        space = self.space[axis]
        return None if space.step else space.least - 2 * space.margin


Network = TrainedConfig | ForeignNetwork
