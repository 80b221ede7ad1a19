"""How an image layer suits a model: what of it follows the model, and whether it is resampled."""

from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.core.models.header import ModelHeader
from napari_unet.core.segmentation.model_fit import best_level, resampling
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
