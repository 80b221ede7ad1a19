"""The level of a pyramid that fits a model."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.core.models.header import ModelHeader
from napari_unet.core.segmentation.model_fit import best_level
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import choose_level, is_level_chosen, picture_of
from napari_unet.widgets.layers.strokes import find_annotation


def follow_model(viewer: ViewerModel, image: Image, model: ModelHeader | None) -> None:
    """Work on the level whose pixels are nearest to the model's, unless the user chose one.

    A level with strokes stays too: they would not fit another one.
    """
    if not image.multiscale or model is None or is_level_chosen(image):
        return
    try:
        source = picture_of(image).source
    except InvalidInput:
        return  # it is said elsewhere why it is no image
    if find_annotation(viewer.layers, image) is None:
        choose_level(image, best_level(model, source), by_user=False)
