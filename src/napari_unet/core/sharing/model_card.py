"""What a file for other programs says of a model, as JSON has it."""

from typing import Any

from napari_unet.core.images.measure_intensity import PERCENTILES
from napari_unet.core.images.normalise import CLIP
from napari_unet.core.labels.classes import background_id
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import TrainedConfig


def described(header: ModelHeader) -> dict[str, Any]:
    """Say what goes in and what comes out.

    ``classes`` with the id, name and colour of each output channel, ``background``, the id of
    theirs that is none of an object, how to normalise an image, and the pixel size that the network
    was trained on, where known; ``blocks``, how to cut an image into blocks and get the same
    result: see :func:`block_rules`.
    """
    return {
        "classes": [entry.model_dump() for entry in header.classes],
        "background": background_id(header.label_kind),
        "label_kind": header.label_kind,
        "normalisation": _normalisation(header),
        "pixel_size": None if header.pixel_size is None else list(header.pixel_size),
        "pixel_unit": header.pixel_unit,
        "blocks": block_rules(header.unet),
    }


def _normalisation(header: ModelHeader) -> dict[str, Any]:
    """Say what another program is to do: by percentiles, or by a range that is fixed."""
    found: dict[str, Any] = {"clip": list(CLIP), "intensities": header.scaling.way}
    if header.scaling.way == "training":
        return found | {"ranges": [[one.low, one.high] for one in header.scaling.reference]}
    return found | {"percentiles": list(PERCENTILES)}


def scaling_text(header: ModelHeader) -> str:
    """Say in words which grey values of a channel become 0 and 1 in another program."""
    scaling = header.scaling
    if scaling.way == "training":
        ranges = "; ".join(
            f"{one.low:g} and {one.high:g} of channel {number}"
            for number, one in enumerate(scaling.reference)
        )
        return (
            f"the values {ranges} become 0 and 1, those of the images that it was trained on, so "
            "give it images that were taken as they were"
        )
    low, high = PERCENTILES
    text = f"its percentiles {low:g} and {high:g}, of the whole image, become 0 and 1"
    if scaling.way == "image":
        return text
    what = "scales a stack as a whole, and" if scaling.way == "stack" else "does so too, but"
    return (
        f"{text}. napari-unet {what} recognises an image that shows nothing but noise and scales "
        "it as the training images were; other programs do not, so leave out empty images there"
    )


def block_rules(config: TrainedConfig) -> dict[str, list[int]]:
    """Return by how much blocks of an image must overlap, and where they may begin.

    ``halo``, the pixels along each axis to add at each side of a block and to cut away from its
    answer: the network's margin, rounded up to a multiple of its stride; ``stride``, of which the
    corners of blocks are multiples, so that pooling windows fall on the same pixels as those of the
    whole image. Where a network mirrors, what it mirrors at the end of an image is up to a stride
    less one pixel more.
    """
    pairs = list(zip(config.margins, config.strides, strict=True))
    more = [stride - 1 if config.mirrors else 0 for stride in config.strides]
    halo = [-(-(m + n) // stride) * stride for (m, stride), n in zip(pairs, more, strict=True)]
    return {"halo": halo, "stride": [stride for _, stride in pairs]}


def read_me(header: ModelHeader, name: str) -> str:
    """Return a text about a model for those who get it, in Markdown."""
    rules = block_rules(header.unet)
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
normalised: {scaling_text(header)}.
Then values are clipped to {CLIP[0]:g} and {CLIP[1]:g}. Pixels that were not imaged (NaN) have to be
filled with the value of the background. Things should be about as large in pixels as in the images
that it was trained on; size of their pixels: {size}.

The network knows what to do at the image's borders and answers for every pixel, so give it the
whole image. If that does not fit into memory, normalise the image as a whole, cut it into blocks
that begin at multiples of {rules["stride"]} pixels along the axes and are {rules["halo"]} pixels
larger on each side that is not the image's border, and cut that much off their answers.

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
