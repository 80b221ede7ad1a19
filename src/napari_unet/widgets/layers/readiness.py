"""Why something cannot be done yet, in one sentence that says what to do; pure functions."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from napari.layers import Image, Labels

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import ModelHeader
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import picture_of
from napari_unet.widgets.layers.planes import channel_count, spatial_shape
from napari_unet.widgets.layers.spots import Spot
from napari_unet.widgets.layers.strokes import is_computed, too_many
from napari_unet.widgets.layers.volumes import NO_SLICES, has_slices

NO_IMAGE = "Open an image and choose it above."
NO_MODEL = "Train a model first, or open a saved one."
NOTHING_UNDER = (
    "Nothing was imaged under the strokes: every pixel there is NaN or infinite. Paint where there "
    "is something of the image, or choose another image."
)
_ONLY_PREDICTS = (
    "The model is of another program and can only predict; press Start over under Model to train "
    "one here."
)


def why_not_paint(
    image: Image | None,
    annotation: Labels | None,
    painted: Mapping[int, int],
    doubt: str | None = None,
) -> str | None:
    """Say why strokes on a layer cannot teach anything about an image; ``None`` if they can."""
    if image is None:
        return NO_IMAGE
    if annotation is None:
        return (
            f"Press New strokes to make a layer to paint on: no strokes of {image.name} are chosen."
        )
    if is_computed(annotation):
        return (
            f"{annotation.name} is a dask array, which cannot be painted on; press New strokes, or "
            "open the labels as an array in memory."
        )
    here, there = spatial_shape(annotation), spatial_shape(image)
    if here != there:
        return (
            f"The strokes are {size_text(here)} pixels, the image {size_text(there)}; press "
            "New strokes to make a layer that fits."
        )
    if too_many(painted):
        return (
            f"{annotation.name} has {len(painted)} different ids, which look like single objects; "
            "press New strokes to make a layer for them."
        )
    return doubt


def why_not_train(
    image: Image | None,
    annotation: Labels | None,
    counts: Mapping[Spot, Mapping[int, int]],
    classes: tuple[ClassInfo, ...],
    model: ModelHeader | None = None,
    doubt: str | None = None,
    *,
    elsewhere: bool = False,
) -> str | None:
    """Say why a training cannot start; ``None`` if it can.

    ``elsewhere`` if there are strokes on images that are not open, which suffice.
    """
    painted = sum(map(Counter, counts.values()), Counter())
    if elsewhere and (image is None or annotation is None or not painted):
        return _ONLY_PREDICTS if model is not None and model.preset is None else None
    reason = why_not_paint(image, annotation, painted, doubt)
    if reason is not None or image is None or annotation is None:
        return reason
    if model is not None:
        if model.preset is None:
            return _ONLY_PREDICTS
        mismatch = _other_channels(image, model)
        if mismatch is not None:
            return f"{mismatch} press Start over under Model to train one for it."
    if not painted:
        return "Paint at least one stroke of background and one of another class."
    if len(painted) == 1 and not elsewhere:
        (only,) = painted
        names = {entry.id: entry.name for entry in classes}
        return f"Only “{names.get(only, only)}” is painted; paint a stroke of another class too."
    return _why_not_imaged(image, annotation, counts)


def why_not_segment(image: Image | None, model: ModelHeader | None) -> str | None:
    """Say why an image cannot be segmented with a model; ``None`` if it can."""
    if model is None:
        return NO_MODEL
    if image is None:
        return NO_IMAGE
    try:
        picture_of(image)
    except InvalidInput as error:
        return str(error)
    if model.network.ndim == 3 and not has_slices(image):
        return NO_SLICES
    mismatch = _other_channels(image, model)
    return mismatch and f"{mismatch} train one for it."


def _why_not_imaged(
    image: Image, annotation: Labels, counts: Mapping[Spot, Mapping[int, int]]
) -> str | None:
    """Say that all strokes lie where nothing was imaged; only pixels in memory are looked at."""
    picture = picture_of(image)
    level = picture.source.levels[picture.level]
    painted = [spot for spot, ids in counts.items() if ids]
    if not painted or not isinstance(level, np.ndarray) or level.dtype.kind != "f":
        return None
    looked_at = False
    for spot in painted:
        piece, (top, left) = picture.piece(spot.index), spot.at
        strokes = np.asarray(annotation.data[spot.slices])
        for row in np.flatnonzero(strokes.any(axis=1)):  # of most images one row is enough
            columns = np.flatnonzero(strokes[row])
            looked_at = True
            pixels = piece.read(np.array([top + row]), left + columns)
            if np.isfinite(pixels).all(axis=0).any():
                return None
    return NOTHING_UNDER if looked_at else None  # what was counted may be gone since


def _other_channels(image: Image, model: ModelHeader) -> str | None:
    """Say that a model needs other channels than it would be given, and begin to say what to do."""
    needed, has = model.network.in_channels, channel_count(image)
    if needed == has:
        return None
    return (
        f"The model needs {channels_text(needed)}, the image has {has}; press Change… beside the "
        "image to choose its channels or axes, or"
    )


def size_text(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it, for example ``512 x 512``."""
    return " x ".join(map(str, shape))


def channels_text(count: int) -> str:
    """Return a number of channels as people write it."""
    return "1 channel" if count == 1 else f"{count} channels"
