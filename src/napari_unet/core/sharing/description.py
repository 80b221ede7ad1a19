"""What a file for other programs says of a model, as JSON has it."""

from __future__ import annotations

from typing import Any

from napari_unet.core.classes import background_id
from napari_unet.core.header import ModelHeader
from napari_unet.core.image import CLIP, PERCENTILES


def described(header: ModelHeader) -> dict[str, Any]:
    """Say what goes in and what comes out.

    Parameters
    ----------
    header
        Of the model.

    Returns
    -------
    dict
        ``classes`` with the id, name and colour of each output channel, ``background``, the id of
        theirs that is none of an object, how to normalise an image, and the pixel size that the
        network was trained on, where known.
    """
    return {
        "classes": [entry.model_dump() for entry in header.classes],
        "background": background_id(header.label_kind),
        "label_kind": header.label_kind,
        "normalisation": {"percentiles": list(PERCENTILES), "clip": list(CLIP)},
        "pixel_size": None if header.pixel_size is None else list(header.pixel_size),
        "pixel_unit": header.pixel_unit,
    }


def read_me(header: ModelHeader, name: str) -> str:
    """Return a text about a model for those who get it, in Markdown.

    Parameters
    ----------
    header, name
        Of the model.
    """
    low, high = PERCENTILES
    axes = "(row, column)" if header.network.ndim == 2 else "(plane, row, column)"
    classes = "\n".join(
        f"| {number} | {entry.id} | {entry.name.replace('|', '/')} | {entry.color} |"
        for number, entry in enumerate(header.classes)
    )
    size = "not known"
    if header.pixel_size is not None:
        size = f"{' x '.join(map(str, header.pixel_size))} {header.pixel_unit or ''}".strip()
    trained = "\n".join(
        f"- {record.finished}: {record.steps} steps in {record.seconds:.0f} s, "
        f"{sum(record.labelled_pixels.values())} labelled pixels"
        for record in header.history
    )
    return f"""# {name}

A U-Net (Ronneberger et al. 2015) that was trained with napari-unet on {header.label_kind}.

## What goes in

An image of {header.network.in_channels} channel(s), {axes}, of any size and unit. Each channel is
normalised: its percentiles {low:g} and {high:g}, of the whole image, become 0 and 1, and values are
clipped to {CLIP[0]:g} and {CLIP[1]:g}. Things should be about as large in pixels as in the images
that it was trained on; size of their pixels: {size}.

The network mirrors the image at its borders itself and answers for every pixel. A large image may
be cut into blocks whose borders, the halo, are thrown away.

## What comes out

The probability of each class at each pixel.

| channel | id | class | colour |
|---|---|---|---|
{classes}

## Training

{trained or "Not recorded."}

## Validation

How well it does on your images is not known: compare its answer with labels of your own. The test
image in this package is made up and shows only that a program computes the same numbers.
"""
