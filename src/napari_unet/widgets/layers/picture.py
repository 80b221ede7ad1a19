"""Open image layers as :class:`images.image_source.ImageSource`: axes, channels, levels.

What the user chose stands in the layer's metadata: ``axes``, ``channels`` as pairs of a layer's id
(empty for the layer itself) and a channel, and ``level``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard
from weakref import WeakValueDictionary

from napari.layers import Image, Layer

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.source_piece import SourcePiece
from napari_unet.core.images.stacked_channels import same_size, stack_channels
from napari_unet.core.images.units import known_size, long_name
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.file_changes import is_in_memory
from napari_unet.widgets.layers.image_marks import file_of
from napari_unet.widgets.layers.layer_axes import levels_of, named_axes
from napari_unet.widgets.layers.roles import detail, remember, role_of

Place = tuple[int | slice, ...]

# Layers that lend channels, by their id: metadata with layers in them could not be saved.
_lenders: WeakValueDictionary[str, Image] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class Picture:
    """What an image layer is taken as.

    ``layer``: the layer; paintings and results lie where it lies. ``own``: its data. ``source``,
    ``channels``: what a model sees the channels of, and which in which order; the layer's own data
    unless other layers lend channels. ``level``: which level of a pyramid is worked on, 0 for the
    finest. ``layers``: the layer, and those that lend channels.
    """

    layer: Image
    own: ImageSource
    source: ImageSource
    channels: tuple[int, ...]
    level: int
    layers: tuple[Image, ...]

    @property
    def layer_axes(self) -> str:
        """A letter for each axis that napari sees of the layer, which does not see RGB's."""
        return self.own.axes.removesuffix("S")

    @property
    def painted_axes(self) -> str:
        """The axes of a painting on it: the layer's, without channels that come first.

        Channels behind another axis stay as an axis of length 1, since napari aligns the axes of
        layers from the last one on.
        """
        return self.layer_axes.removeprefix("C")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a painting on it, (..., Y, X), at the level that is worked on."""
        rows, columns = self.own.plane_shape(self.level)
        sizes = self.own.sizes() | {"C": 1, "Y": rows, "X": columns}
        return tuple(sizes[letter] for letter in self.painted_axes)

    def piece(self, place: Place) -> SourcePiece:
        """Return the pixels under a plane of a painting, or all slices where it says so.

        ``place`` is an index along each axis of a painting before the rows, a slice along Z for a
        volume.
        """
        leading = zip(self.painted_axes[:-2], place, strict=True)
        where = [at for letter, at in leading if letter != "C" and not isinstance(at, slice)]
        volume = any(isinstance(at, slice) for at in place)
        get = self.source.volume if volume else self.source.plane
        return get(where, channels=self.channels, level=self.level)

    @property
    def meaning(self) -> tuple[object, ...]:
        """Something that differs between two ways to take a layer."""
        lenders = tuple(layer.unique_id for layer in self.layers)
        return self.own.axes, self.own.levels[0].shape, lenders, self.channels, self.level


def is_picture(layer: Layer) -> TypeGuard[Image]:
    """Return whether a layer is an image to work on, rather than a result."""
    return isinstance(layer, Image) and role_of(layer) is None


def picture_of(layer: Image) -> Picture:
    """Return what an image layer is taken as now.

    ``InvalidInput`` if it is no image that can be worked on.
    """
    own = source_of(layer)
    lenders, places = _chosen(layer, own)
    if not places:
        lenders, places = [layer], [(layer, channel) for channel in range(own.channels)]
    sources = [own if lender is layer else source_of(lender) for lender in lenders]
    source = own if lenders == [layer] else stack_channels(sources)
    first = dict(zip(lenders, _starts(sources), strict=True))
    channels = tuple(first[lender] + channel for lender, channel in places)
    return Picture(
        layer=layer,
        own=own,
        source=source,
        channels=channels,
        level=min(_kept_level(layer), len(source.levels) - 1),
        layers=(layer, *(lender for lender in lenders if lender is not layer)),
    )


def is_taken_as(layer: Image, meaning: tuple[object, ...] | None) -> bool:
    """Return whether an image layer is still taken as when its picture had that meaning."""
    try:
        return picture_of(layer).meaning == meaning
    except InvalidInput:
        return False


def source_of(layer: Image) -> ImageSource:
    """Return an image layer's own data, with its axes as chosen, named by the layer, or guessed.

    ``InvalidInput`` if it is empty, not numeric, or has more axes than can be named.
    """
    levels = levels_of(layer)
    axes, guesses = named_axes(layer)
    sizes, units = _pixel_sizes(layer, axes)
    path = file_of(layer)
    lazy = path is not None and "://" not in path and not is_in_memory(layer)
    return ImageSource(
        levels,
        axes,
        pixel_size=sizes,
        units=units,
        name=layer.name,
        guesses=guesses,
        file=Path(path) if lazy and path is not None else None,
    )


def is_guessed(layer: Image) -> bool:
    """Return whether nobody named all of a layer's axes that matter."""
    return bool(named_axes(layer)[1])


def choose_axes(layer: Image, axes: str) -> None:
    """Take a layer's axes as these letters from now on, all its channels in their order."""
    remember(layer, axes=axes, channels=None)


def choose_channels(layer: Image, places: Sequence[tuple[Image, int]]) -> None:
    """Give a model these channels of these layers, in this order, from now on.

    ``InvalidInput`` if there is none, or a layer is of another size.
    """
    if not places:
        raise InvalidInput("no channel is checked; check at least one.")
    own = source_of(layer)
    for lender, _ in places:
        if lender is not layer and not same_size(source_of(lender), own):
            raise InvalidInput(f"{lender.name} is of another size; check layers of one size.")
        _lenders[str(lender.unique_id)] = lender
    if list(places) == [(layer, channel) for channel in range(own.channels)]:
        remember(layer, channels=None)
    else:
        ids = ("" if lender is layer else str(lender.unique_id) for lender, _ in places)
        remember(layer, channels=[[i, c] for i, (_, c) in zip(ids, places, strict=True)])


def chosen_channels(layer: Image) -> list[tuple[Image, int]]:
    """Return the channels that a model is given: layers, and the number in each."""
    own = source_of(layer)
    return _chosen(layer, own)[1] or [(layer, channel) for channel in range(own.channels)]


def give_back(layer: Image, lender: Image) -> None:
    """Take no channel of another layer any more."""
    left = [place for place in chosen_channels(layer) if place[0] is not lender]
    choose_channels(layer, left or [(layer, c) for c in range(source_of(layer).channels)])


def choose_level(layer: Image, level: int, *, by_user: bool = True) -> None:
    """Work on this level of a pyramid from now on; what the user chose is not chosen again."""
    remember(layer, level=level, level_by_user=True if by_user else None)


def is_level_chosen(layer: Image) -> bool:
    """Return whether the user chose the level."""
    return detail(layer, "level_by_user") is True


def _pixel_sizes(layer: Image, axes: str) -> tuple[dict[str, float], dict[str, str]]:
    """Return distances along T, Z, Y and X, and their units, where somebody set them."""
    sizes, units = {}, {}
    for letter, step, unit in zip(axes.removesuffix("S"), layer.scale, layer.units, strict=True):
        name, size = long_name(unit), known_size(abs(step))
        is_set = name is not None or any(layer.scale[-2:] != 1 if letter in "YX" else [step != 1])
        if letter != "C" and size is not None and is_set:
            sizes[letter] = size
            if name is not None:
                units[letter] = name
    return sizes, units


def _chosen(layer: Image, own: ImageSource) -> tuple[list[Image], list[tuple[Image, int]]]:
    """Return the layers that channels are taken of, and the channels, as far as they are there."""
    stored = detail(layer, "channels")
    places: list[tuple[Image, int]] = []
    for own_id, channel in stored if isinstance(stored, list | tuple) else ():
        lender = layer if not own_id else _lenders.get(own_id)
        if lender is None:
            continue
        source = own if lender is layer else source_of(lender)
        if channel < source.channels and same_size(source, own):
            places.append((lender, channel))
    return list(dict.fromkeys(lender for lender, _ in places)), places


def _starts(sources: Sequence[ImageSource]) -> list[int]:
    """Return the number of each image's first channel among all of them."""
    return [sum(source.channels for source in sources[:n]) for n in range(len(sources))]


def _kept_level(layer: Image) -> int:
    level = detail(layer, "level")
    return level if isinstance(level, int) and level >= 0 else 0
