"""What of an image follows the model: its axes where they are guessed, the level of a pyramid."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.core.models.header import ModelHeader
from napari_unet.core.segmentation.model_fit import best_level
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.layer_axes import guess_for
from napari_unet.widgets.layers.picture import (
    choose_level,
    is_guessed,
    is_level_chosen,
    picture_of,
)
from napari_unet.widgets.layers.strokes import find_annotation


def follow_model(viewer: ViewerModel, image: Image, model: ModelHeader | None) -> None:
    """Guess axes for the model, and work on the level whose pixels are nearest to its.

    What the user chose stays, and an image with strokes stays what it is: they would not fit.
    """
    try:
        if find_annotation(viewer.layers, image) is not None:
            return
        if is_guessed(image):
            guess_for(image, None if model is None else model.network.in_channels)
        if image.multiscale and model is not None and not is_level_chosen(image):
            level = best_level(model, picture_of(image).source)
            choose_level(image, level, by_user=False)
    except InvalidInput:
        return  # it is said elsewhere why it is no image
