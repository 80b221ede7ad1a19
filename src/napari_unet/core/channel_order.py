"""Whether a model is given the channels that it was trained on, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unet.core.models.header import ModelHeader


def order_said(header: ModelHeader, channels: Sequence[int]) -> str | None:
    """Say that a model is given other channels of an image than those that it was trained on.

    Parameters
    ----------
    header
        Of the model.
    channels
        Which of the image it is given, in their order; as many as it needs.

    Returns
    -------
    str or None
        ``None`` if they are the same, or not known.
    """
    if header.channels is None or tuple(channels) == header.channels:
        return None
    trained, given = (" and ".join(map(str, numbers)) for numbers in (header.channels, channels))
    many = "s" * (len(channels) > 1)
    return (
        f"the model was trained on channel{many} {trained} and is given {given}, counted from 0; "
        "choose them as in the training if that is wrong."
    )
