"""The sample under File > Open Sample."""

from typing import Any
from uuid import uuid4

from napari_unet.core.io.fingerprint import identify_array
from napari_unet.widgets.layers.colormaps import label_colormap
from napari_unet.widgets.layers.image_marks import ImageMark
from napari_unet.widgets.layers.strokes import STROKES_OPACITY, strokes_metadata

LayerData = tuple[Any, dict[str, Any], str]


def tissue_layers() -> list[LayerData]:
    """Return a stained tissue section and strokes on it, ready to train on.

    An RGB image, (Y, X, 3) uint8, and labels, (Y, X) uint8, as napari's layer data.
    """
    from napari_unet.samples import tissue

    sample = tissue()
    identity = identify_array(sample.image)
    mark = ImageMark(
        id=uuid4().hex,
        name=sample.name,
        shape=sample.image.shape,
        pixels=None if identity is None else identity.checksum,
    )
    strokes = {
        "name": f"strokes on {sample.name}",
        "colormap": label_colormap(sample.classes),
        "metadata": strokes_metadata(sample.classes, mark),
        "opacity": STROKES_OPACITY,
    }
    return [
        (sample.image, {"name": sample.name, "rgb": True}, "image"),
        (sample.strokes, strokes, "labels"),
    ]
