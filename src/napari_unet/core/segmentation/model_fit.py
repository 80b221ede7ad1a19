"""Pixel sizes of an image and of what a model was trained on, compared and put in words."""

from collections.abc import Sequence
from math import log

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.units import _METRES, long_name, sign
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.onnx_network import Network
from napari_unet.errors import InvalidInput

_ALIKE = 1.1  # sizes within 10 % are taken as the same


def size_ratios(
    header: ModelHeader, source: ImageSource, level: int = 0
) -> tuple[float, float] | None:
    """Return how many times as large a pixel is as one that the model was trained on.

    Along rows and columns; ``None`` where either size, or a unit, is not known.
    """
    trained = _METRES.get(long_name(header.pixel_unit) or "")
    sizes = source.pixel_size_at(level)
    if header.pixel_size is None or trained is None or not trained_size_known(header):
        return None
    ratios = []
    for axis, size in zip("YX", header.pixel_size[-2:], strict=True):
        unit = _METRES.get(source.units.get(axis, ""))
        if unit is None or axis not in sizes:
            return None
        ratios.append(sizes[axis] * unit / (size * trained))
    return ratios[0], ratios[1]


def trained_size_known(header: ModelHeader) -> bool:
    """Tell whether a model knows the size of the pixels that it was trained on, and its unit."""
    unit = long_name(header.pixel_unit) or ""
    return header.pixel_size is not None and unit in _METRES and min(header.pixel_size) > 0


def best_level(header: ModelHeader, source: ImageSource) -> int:
    """Return the level whose pixels are nearest to the model's; the finest if that is not known."""
    distances = []
    for level in range(len(source.levels)):
        ratios = size_ratios(header, source, level)
        if ratios is None:
            return 0
        distances.append(abs(log(ratios[0] * ratios[1])))
    return distances.index(min(distances))


def resampling(
    header: ModelHeader, source: ImageSource, level: int, *, wanted: bool
) -> tuple[tuple[float, float] | None, str | None]:
    """Decide whether an image is resampled for a model, and say why or why not.

    Gives new pixels for each of the image's, along rows and columns, or ``None`` for as it is; and
    a sentence, or ``None`` if the sizes are alike within 10 %, or the model's is not known. Refused
    if it is wanted and the sizes are so far apart that one of them must be wrong.
    """
    ratios = size_ratios(header, source, level)
    if ratios is None or header.pixel_size is None:
        said = "its pixel size is not known, so it is used as it is."
        return None, said if wanted and trained_size_known(header) else None
    if all(1 / _ALIKE <= ratio <= _ALIKE for ratio in ratios):
        return None, None
    unit = long_name(header.pixel_unit)
    height, width = header.pixel_size[-2:]
    trained = f"{height:.3g} x {width:.3g} {sign(unit) or unit}"
    sizes = source.pixel_size_at(level)
    here = f"{sizes['Y']:.3g} x {sizes['X']:.3g} {sign(source.units['Y']) or source.units['Y']}"
    if not wanted:
        return None, (
            f"its pixels are {here} and the model was trained on {trained}; they are used as they "
            "are, so things look another size to it; resampling would change that."
        )
    if not all(1 / 16 <= ratio <= 16 for ratio in ratios):
        raise InvalidInput(
            f"its pixels are {here} and the model was trained on {trained}, too far apart to be "
            "right; mend the pixel size, or do not resample (--no-resample in the shell)."
        )
    return ratios, (
        f"its pixels are {here} and the model was trained on {trained}; it is resampled to that, "
        "and the result is put back on its own pixels."
    )


def slices_said(header: ModelHeader, source: ImageSource, level: int = 0) -> str | None:
    """Say that slices are not as far apart as those that a model of volumes was trained on.

    They are never resampled: new slices between measured ones would be made up, and a model of
    volumes has seen none such. ``None`` if they are alike within 10 %, or nobody knows.
    """
    trained = _METRES.get(long_name(header.pixel_unit) or "")
    unit = _METRES.get(source.units.get("Z", ""))
    if header.network.ndim == 2 or header.pixel_size is None or trained is None or unit is None:
        return None
    here, there = source.pixel_size_at(level)["Z"], header.pixel_size[0]
    if 1 / _ALIKE <= here * unit / (there * trained) <= _ALIKE:
        return None
    here_unit, there_unit = (sign(long_name(u)) for u in (source.units["Z"], header.pixel_unit))
    return (
        f"its slices are {here:.3g} {here_unit} apart and those that the model was trained on "
        f"{there:.3g} {there_unit}; slices are never resampled, so things look another height to "
        "it."
    )


def check_channels(
    header: ModelHeader, source: ImageSource, channels: Sequence[int] | None = None
) -> None:
    """Refuse an image that has not the channels that a model was trained on, or no slices for 3D.

    The message says how many there are and how many should be.
    """
    source.check_channels(channels)
    check_slices(header.network, source)
    wanted = header.network.in_channels
    found = source.channels if channels is None else len(channels)
    if found == wanted:
        return
    has = f"{found} channel{'s' * (found != 1)}{' (RGB)' * ('S' in source.axes)}"
    how = "this image has" if channels is None else "you chose"
    raise InvalidInput(
        f"the model was trained on {wanted} channel{'s' * (wanted > 1)} and {how} {has}; choose "
        "channels or images like those it was trained on, or train a new model."
    )


def trained_channels(
    header: ModelHeader, source: ImageSource
) -> tuple[tuple[int, ...] | None, str | None]:
    """Choose those channels of an image that a model was trained on, and say so.

    ``None`` and nothing to say where the image has as many as the model needs, where it has not
    those, or where they are not known: then all are taken.
    """
    trained, count = header.channels, source.channels
    if trained is None or count == header.network.in_channels or max(trained) >= count:
        return None, None
    numbers = " and ".join(map(str, trained))
    return trained, (
        f"of its {count} channels {numbers} {'are' if len(trained) > 1 else 'is'} taken, counted "
        "from 0, as in the training."
    )


def check_slices(network: Network, source: ImageSource) -> None:
    """Refuse an image without slices for a network of volumes."""
    if network.ndim == 3 and "Z" not in source.axes:
        raise InvalidInput(
            "the model is one for volumes and this image has no axis of slices (Z); choose a "
            "stack of slices, or name the axes if one of them is."
        )


def order_said(header: ModelHeader, channels: Sequence[int]) -> str | None:
    """Say that a model is given other channels of an image than those that it was trained on.

    ``None`` if they are the same, or not known; as many are given as it needs.
    """
    if header.channels is None or tuple(channels) == header.channels:
        return None
    trained, given = (" and ".join(map(str, numbers)) for numbers in (header.channels, channels))
    many = "s" * (len(channels) > 1)
    return (
        f"the model was trained on channel{many} {trained} and is given {given}, counted from 0; "
        "choose them as in the training if that is wrong."
    )
