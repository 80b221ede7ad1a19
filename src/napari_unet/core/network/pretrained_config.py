"""The shape of the U-Net on a pretrained encoder; free of torch."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class PretrainedConfig(BaseModel):
    """A U-Net for planes whose contracting path has seen ImageNet; its widths are always the same.

    To what cuts tiles it looks like :class:`napari_unet.core.network.config.UNetConfig`.

    Attributes
    ----------
    in_channels, n_classes
        Channels of the input and of the output.
    batch_norm
        Batch normalisation with running statistics after each 3x3 convolution of the expanding
        path; the encoder's own is folded into its weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pretrained"] = "pretrained"
    in_channels: int = Field(ge=1, le=4096)
    n_classes: int = Field(ge=2, le=65536)
    batch_norm: bool = True

    ndim: ClassVar[Literal[2]] = 2
    stride: ClassVar[int] = 16
    strides: ClassVar[tuple[int, int]] = (16, 16)
    # A pixel's answer depends on 3 pixels around its own of the coarsest map, and each of those on
    # 80 pixels of the image around it.
    margin: ClassVar[int] = 3 * 16 + 80
    margins: ClassVar[tuple[int, int]] = (margin, margin)
    pad_in_training: ClassVar[bool] = True

    def output_side(self, wanted: int, axis: int) -> int:
        """Return the smallest side of an unpadded output that is at least ``wanted`` pixels."""
        return -(-max(wanted, 1) // self.stride) * self.stride

    def most_output(self, axis: int) -> int | None:
        """Return the longest side of an output; there is no limit."""
        return None
