"""Ablations: the U-Net with one thing changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variation:
    """A named change.

    Attributes
    ----------
    name
        Of the method, as in a result's file.
    title
        In a table.
    settings
        Changed fields of :class:`napari_unet.core.training.settings.TrainSettings`.
    images
        Training images; ``None`` for all.
    zero_padded
        Predict whole images with zero-padded convolutions, not overlap tiles with mirrored context.
    pretrained
        Start from the weights of a model.
    """

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    images: int | None = None
    zero_padded: bool = False
    pretrained: bool = False

    @property
    def trained_as(self) -> str:
        """The variation whose weights it has: another prediction needs no other training."""
        return UNET.name if self.zero_padded else self.name

    def why_not(self, label_kind: str, images: int, pretrained: bool) -> str | None:
        """Say why there is nothing to run, or return ``None``.

        Parameters
        ----------
        label_kind
            What the labels are.
        images
            Training images of the fold.
        pretrained
            Whether there is a model to start from.
        """
        if "w0" in self.settings and label_kind != "instances":
            return "labels of classes have no border weights: only objects have"
        if self.images is not None and self.images > images:
            return f"a fold has only {images} training images"
        if self.images == images:
            return "the same as the first row: a fold has no more training images"
        if self.pretrained and not pretrained:
            return "no model to start from was given with --pretrained"
        return None


UNET = Variation("unet", "all training images")
ABLATIONS = (
    Variation("unet-no-elastic", "no elastic deformation", {"elastic": 0.0}),
    Variation("unet-no-border-weights", "no border weights", {"w0": 0.0}),
    Variation(
        "unet-zero-padding",
        "zero padding instead of mirrored overlap tiles, the same weights",
        zero_padded=True,
    ),
    Variation("unet-pretrained", "begun from the weights of a model", pretrained=True),
    *(
        Variation(f"unet-{n}-images", f"{n} training image{'s' * (n > 1)}", images=n)
        for n in (1, 2, 5, 10, 24)
    ),
)
VARIATIONS = {variation.name: variation for variation in (UNET, *ABLATIONS)}
