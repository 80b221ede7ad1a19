"""Settings of networks and trainings, validated once, free of torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unet.core.network.pooling import (
    Pooling,
    cropped_of,
    kernels_of,
    margins_of,
    pooling_for,
    strides_of,
)
from napari_unet.core.network.pretrained_config import PretrainedConfig

PresetName = Literal["pretrained", "compact", "unet2015"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "float32", "bfloat16"]
_Factor = Annotated[int, Field(ge=1, le=2)]


class UNetConfig(BaseModel):
    """The shape of a U-Net (Ronneberger et al. 2015, figure 1).

    Each level down doubles the base channels; ``depth`` is the number of max poolings. ``pooling``
    says by how much each level pools each axis, 1 or 2, see
    :func:`napari_unet.core.network.pooling.pooling_for`; empty for 2 along every axis. Batch
    normalisation has running statistics after each 3x3 convolution, so that a prediction does not
    depend on the tile it is made in; ``dropout`` is its probability at the end of the contracting
    path. ``pad_in_training``: 3x3 convolutions are zero-padded while training, so that each patch
    pixel gets an output. Prediction is always unpadded: the same weights, every pixel with its full
    context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mirrors: ClassVar[bool] = True  # what lies outside an image, see ``tiling.context``

    in_channels: int = Field(ge=1, le=4096)
    n_classes: int = Field(ge=2, le=65536)
    base_channels: int = Field(ge=1, le=1024)
    depth: int = Field(ge=1, le=7)
    ndim: Literal[2, 3] = 2
    pooling: tuple[tuple[_Factor, ...], ...] = ()
    batch_norm: bool
    dropout: float = Field(ge=0, lt=1)
    pad_in_training: bool

    @model_validator(mode="after")
    def _pooling_fits(self) -> Self:
        if self.pooling and len(self.pooling) != self.depth:
            raise ValueError("the pooling needs one entry a level")
        if any(len(factors) != self.ndim or max(factors) == 1 for factors in self.pooling):
            raise ValueError("each level needs one number an axis to pool by, not all of them 1")
        return self

    @property
    def poolings(self) -> Pooling:
        """By how much each level pools each axis."""
        return self.pooling or ((2,) * self.ndim,) * self.depth

    @property
    def kernels(self) -> Pooling:
        """The convolutions' kernels at each level, the deepest too, along each axis."""
        return kernels_of(self.poolings)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the input along each axis that one pixel of the deepest level stands for."""
        return strides_of(self.poolings)[-1]

    @property
    def margins(self) -> tuple[int, ...]:
        """Pixels lost along each axis, at each of its ends, by an unpadded pass.

        Depth 4: (572 - 388) / 2 = 92.
        """
        return margins_of(self.poolings)

    @property
    def cropped(self) -> tuple[int, ...]:
        """Pixels of those that are lost on the way up, at both ends together."""
        return cropped_of(self.poolings)

    def output_side(self, wanted: int, axis: int) -> int:
        """Return the smallest side of an unpadded output that is at least ``wanted`` pixels.

        It is what the deepest level's ``n`` pixels become: ``n * stride``, less what is cropped on
        the way up; and not less than the last two convolutions take away.
        """
        stride, cropped = self.strides[axis], self.cropped[axis]
        least = max(1, 2 * (self.kernels[0][axis] - 1))
        return -(-(max(wanted, least) + cropped) // stride) * stride - cropped

    def most_output(self, axis: int) -> int | None:
        """Return the longest side of an output; there is no limit."""
        return None


TrainedConfig = UNetConfig | PretrainedConfig


@dataclass(frozen=True)
class Preset:
    """A network and the way it is trained.

    ``patch`` is the side of a patch's output in pixels; ``stroke_patch`` the same where only
    strokes are labelled: the more a patch reaches beyond a stroke, the less of it teaches anything,
    and smaller ones leave time for more steps. ``batch`` is patches a step. In 3D a patch's output
    has at most ``voxels``, or ``stroke_voxels``, and a step ``volume_batch`` patches.
    ``pretrained``: the network for planes is the pretrained one; the shape of the one for volumes
    is as said here.
    """

    base_channels: int
    depth: int
    batch_norm: bool
    dropout: float
    pad_in_training: bool
    patch: int
    stroke_patch: int
    batch: int
    voxels: int
    stroke_voxels: int
    volume_batch: int
    optimizer: Literal["adamw", "sgd"]
    learning_rate: float
    pretrained: bool = False

    def network(
        self,
        in_channels: int,
        n_classes: int,
        *,
        voxel_size: tuple[float, ...] | None = None,
    ) -> TrainedConfig:
        """Return the network's configuration for these numbers of channels and classes.

        With a ``voxel_size`` of (plane, row, column) it is one for volumes, and pools once less,
        as Çiçek et al. 2016 do: the context of a tile grows with the third power.
        """
        if self.pretrained:
            return PretrainedConfig(in_channels=in_channels, n_classes=n_classes)
        depth = self.depth if voxel_size is None else self.depth - 1
        return UNetConfig(
            in_channels=in_channels,
            n_classes=n_classes,
            base_channels=self.base_channels,
            depth=depth,
            ndim=2 if voxel_size is None else 3,
            pooling=() if voxel_size is None else pooling_for(voxel_size, depth),
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            pad_in_training=self.pad_in_training,
        )


_COMPACT = Preset(
    base_channels=16,
    depth=4,
    batch_norm=True,
    dropout=0.0,
    pad_in_training=True,
    patch=160,
    stroke_patch=96,
    batch=4,
    voxels=64**3,
    stroke_voxels=40**3,
    volume_batch=2,
    optimizer="adamw",
    learning_rate=1e-3,
)
PRESETS: dict[PresetName, Preset] = {
    "compact": _COMPACT,
    "pretrained": replace(_COMPACT, pretrained=True, learning_rate=1e-4),
    "unet2015": Preset(
        base_channels=64,
        depth=4,
        batch_norm=False,
        dropout=0.5,
        pad_in_training=False,
        patch=388,
        stroke_patch=388,
        batch=1,
        voxels=28 * 44 * 44,  # of a network of this size: Çiçek et al. 2016, figure 2
        stroke_voxels=28 * 44 * 44,
        volume_batch=1,
        optimizer="sgd",
        learning_rate=1e-3,
    ),
}
