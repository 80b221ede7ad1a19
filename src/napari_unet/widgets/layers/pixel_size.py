"""Whether an image layer is resampled for a model, and what there is to say of it."""

from __future__ import annotations

from napari.layers import Image

from napari_unet.core.models.header import ModelHeader
from napari_unet.core.segmentation.model_fit import resampling
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import picture_of


def size_match(image: Image, header: ModelHeader) -> tuple[tuple[float, float] | None, str | None]:
    """Return by which factors the network sees an image resampled, and a sentence about it.

    ``None`` and ``None`` where its pixels are as large as those of the training, or one of the
    sizes is not known; no factors but a sentence where the sizes cannot both be right.
    """
    picture = picture_of(image)
    try:
        factors, said = resampling(header, picture.own, picture.level, wanted=True)
    except InvalidInput as error:
        return None, str(error)
    return (factors, said) if factors is not None else (None, None)
