"""The shape of the pretrained U-Net; free of torch."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class PretrainedConfig(BaseModel):
    """A U-Net for planes that has seen microscopy; its widths are always the same.

    To what cuts tiles it looks like :class:`napari_unet.core.network.config.UNetConfig`.

    Attributes
    ----------
    in_channels, n_classes
        Channels of the input and of the output.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pretrained"] = "pretrained"
    in_channels: int = Field(ge=1, le=4096)
    n_classes: int = Field(ge=2, le=65536)

    ndim: ClassVar[Literal[2]] = 2
    strides: ClassVar[tuple[int, int]] = (16, 16)
    # A pixel's answer depends on the guide up to 80 pixels away, that on 16 more of the coarsest
    # map, and each of those on 176 pixels of the image around it.
    margins: ClassVar[tuple[int, int]] = (80 + 16 + 176,) * 2
    mirrors: ClassVar[bool] = False  # zeros surround an image, as they do a patch in training
    pad_in_training: ClassVar[bool] = True
    batch_norm: ClassVar[bool] = False

    def output_side(self, wanted: int, axis: int) -> int:
        """Return the smallest side of an unpadded output that is at least ``wanted`` pixels."""
        return -(-max(wanted, 1) // self.strides[axis]) * self.strides[axis]

    def most_output(self, axis: int) -> int | None:
        """Return the longest side of an output; there is no limit."""
        return None
