"""How the images of a batch are segmented."""

from dataclasses import dataclass

from napari_unet.core.io.result import Saved
from napari_unet.core.objects.label_instances import DEFAULTS
from napari_unet.core.objects.split_touching import InstanceSettings


@dataclass(frozen=True)
class BatchOptions:
    """How the images of a batch are segmented.

    Channels, axes and level are those of every image, see
    :func:`napari_unet.core.segmentation.segment.segment` and
    :func:`napari_unet.core.io.open_image.open_image`; without a level, the one whose pixels are
    nearest to the model's, or the finest. ``overwrite`` makes results anew that are there and would
    be the same; ``resample`` brings images to the model's pixel size where both are known, see
    :func:`napari_unet.core.segmentation.model_fit.resampling`; ``tile`` is the side of a tile's
    output in pixels.
    """

    save: tuple[Saved, ...] = ("labels",)
    channels: tuple[int, ...] | None = None
    axes: str | None = None
    level: int | None = None
    overwrite: bool = False
    resample: bool = True
    tile: int | None = None
    average_rotations: bool = False
    objects: InstanceSettings = DEFAULTS
    measure: bool = False


DEFAULT_OPTIONS = BatchOptions()
