"""What a result layer was made from, in its metadata."""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

from napari.layers import Layer

from napari_unet.core.io.result import MadeFrom, Saved
from napari_unet.core.models.header import ModelHeader, digest_of
from napari_unet.core.objects.label_instances import DEFAULTS
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.prediction.tile_probabilities import Description
from napari_unet.core.segmentation.provenance import Choices, made_from
from napari_unet.widgets.layers.picture import Picture
from napari_unet.widgets.layers.roles import detail, remember


def origin_finder(
    picture: Picture,
    model: bytes,
    header: ModelHeader,
    factors: tuple[float, float] | None,
    what: Saved,
    objects: InstanceSettings = DEFAULTS,
    image: str | None = None,
) -> Callable[[], MadeFrom]:
    """Return what finds out later, in any thread, what a result of all of an image is made from.

    ``image`` is its fingerprint, where it is known already.
    """
    choices = Choices(picture.channels, picture.level, factors, objects=objects)
    return partial(_find, picture, model, header, choices, what, image)


def _find(
    picture: Picture,
    model: bytes,
    header: ModelHeader,
    choices: Choices,
    what: Saved,
    image: str | None,
) -> MadeFrom:
    described = Description(header, digest_of(model))
    return made_from(described, picture.source, choices, [what], image)[what]


def origin_of(layer: Layer) -> MadeFrom | None:
    """Return what a result was made from; of one made in parts, the image alone."""
    known = detail(layer, "made_from")
    return MadeFrom(**known) if isinstance(known, dict) else None


def note_origin(layer: Layer, made_from: MadeFrom | None) -> None:
    """Keep with a result what it was made from; ``None`` if that is not known."""
    remember(layer, made_from=made_from and asdict(made_from))


def note_part(layer: Layer) -> None:
    """Notice that a part is made anew, perhaps by another model; the rest is of the old image."""
    known = origin_of(layer)
    note_origin(layer, known and replace(known, model="", options=""))
