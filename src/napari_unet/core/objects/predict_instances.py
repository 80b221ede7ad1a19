"""Objects of an image, by a model."""

from collections.abc import Iterable

import numpy as np

from napari_unet.core.images.arrange import pieces_for
from napari_unet.core.models.header import background_output
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.objects.label_instances import DEFAULTS, label_instances
from napari_unet.core.objects.link import link
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.prediction.predict import plane_probabilities, scaled_pieces


def predict_instances(
    model: Model,
    image: np.ndarray,
    tile: int | None = None,
    *,
    settings: InstanceSettings = DEFAULTS,
    linked: bool = False,
    device: DeviceName = "auto",
) -> np.ndarray:
    """Find the objects in an image, touching ones apart.

    Parameters
    ----------
    model, image, tile, device
        As for :func:`napari_unet.core.prediction.predict.predict`.
    settings
        How probabilities become objects.
    linked
        Whether the planes, or for a model of volumes the volumes, are times of a series, so that an
        object keeps its id from one to the next, see :func:`napari_unet.core.objects.link.link`;
        else no id is in two of them.

    Returns
    -------
    ndarray
        (..., Y, X), of a model of volumes (..., Z, Y, X), int32 ids from 1 without gaps, 0 for
        background.

    Raises
    ------
    InvalidInput
        The image is not one, or has other channels than the model.
    """
    network = model.header.network
    pieces = pieces_for(image, network.in_channels, network.ndim)
    place = pick_device(device)
    found = (
        plane_probabilities(model, piece, device=place, tile=tile, average_rotations=False)
        for piece in scaled_pieces(model, pieces.data)
    )
    return pieces.restore(stack_instances(model, found, settings=settings, linked=linked))


def stack_instances(
    model: Model,
    probabilities: Iterable[np.ndarray],
    *,
    settings: InstanceSettings = DEFAULTS,
    linked: bool = False,
) -> np.ndarray:
    """Return the objects of each plane or volume, from its class probabilities.

    (K, Y, X) or (K, Z, Y, X) each; (P, Y, X) or (P, Z, Y, X) int32. The model knows which class is
    background, and how long and wide a pixel is.
    """
    background = background_output(model.header)
    out: list[np.ndarray] = []
    used = 0
    for piece in probabilities:
        ids = np.asarray(
            label_instances(piece, background, settings, spacing=model.header.pixel_size)
        )
        if linked and out:
            ids = link(out[-1], ids, unused=used + 1)
        else:
            ids[ids > 0] += used
        used = max(used, int(ids.max()))
        out.append(ids)
    return np.stack(out)
