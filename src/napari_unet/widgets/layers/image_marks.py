"""Which image strokes and results are of: an id in its metadata, a mark of it in theirs.

Shape and place do not tell images of one size from each other. An image gets its id with its first
strokes or result. In its metadata stands for which layer it was given, since napari copies metadata
into a duplicate, which is another image. An image that is opened again is known by its file or,
where there is none, by its pixels, and gets its id back.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari.layers import Image, Labels, Layer
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_unet.core.io.fingerprint import identify_array
from napari_unet.widgets.layers.roles import detail, remember


class ImageMark(BaseModel):
    """What an image is known by, also when it is opened again.

    ``id``: 32 hexadecimal digits. ``name``: of its layer. ``path``: absolute path of its file, or
    its address; ``None`` if it is only in memory. ``shape``: of its data at full resolution.
    ``pixels``: a checksum; ``None`` if they are not in memory.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    path: str | None = None
    shape: tuple[int, ...]
    pixels: str | None = None


def full_data(layer: Image) -> Any:
    """Return an image layer's array at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def file_of(layer: Layer) -> str | None:
    """Return the absolute path, or the address, of a layer's file."""
    path = layer.source.path
    return path if path is None or "://" in str(path) else str(Path(path).absolute())


def id_of(image: Layer) -> str | None:
    """Return an image's id; ``None`` if it was neither painted on nor segmented."""
    found, given_to = detail(image, "id"), detail(image, "id_of_layer")
    return found if isinstance(found, str) and given_to == str(image.unique_id) else None


def mark_of(image: Image) -> ImageMark:
    """Return what an image is known by; it gets an id if it has none."""
    if id_of(image) is None:
        give_id(image, uuid4().hex)
    pixels = detail(image, "pixels")
    return ImageMark(
        id=str(id_of(image)),
        name=image.name,
        path=file_of(image),
        shape=tuple(full_data(image).shape),
        pixels=pixels if isinstance(pixels, str) else None,
    )


def stored_mark(image: Image) -> dict[str, object]:
    """Return that as what a layer of it keeps in its metadata."""
    return mark_of(image).model_dump()


def give_id(image: Image, own: str) -> None:
    """Say that a layer is the image of an id."""
    remember(image, id=own, id_of_layer=str(image.unique_id), pixels=_pixels_of(image))


def mark_in(layer: Layer) -> ImageMark | None:
    """Return the mark of the image that strokes or a result are of; ``None`` if not known."""
    try:
        return ImageMark.model_validate(detail(layer, "image"))
    except ValidationError:
        return None


def attach(strokes: Labels, mark: ImageMark) -> None:
    """Say which image strokes belong to."""
    remember(strokes, image=mark.model_dump())


def image_of(layers: Iterable[Layer], layer: Layer) -> Image | None:
    """Return the image that strokes or a result are of, if it is among these layers."""
    return marked(layers, mark_in(layer))


def marked(layers: Iterable[Layer], mark: ImageMark | None) -> Image | None:
    """Return the image that has a mark, if it is among these layers."""
    images = (layer for layer in layers if isinstance(layer, Image))
    return next((x for x in images if mark is not None and id_of(x) == mark.id), None)


def know_again(image: Image, layers: Iterable[Layer], marks: Iterable[ImageMark]) -> None:
    """Give an image that has no id that of one that was closed, if it is the same.

    The id of a layer that is open is not given again.
    """
    if id_of(image) is not None:
        return
    taken, shape = {id_of(layer) for layer in layers}, tuple(full_data(image).shape)
    closed = [mark for mark in marks if mark.id not in taken and mark.shape == shape]
    if closed:
        seen = seen_as(image)
        closed.sort(key=lambda mark: mark.name != seen.name)  # pixels may be alike, as zeros are
        same = next((mark for mark in closed if is_same(mark, seen)), None)
        if same is not None:
            give_id(image, same.id)


def seen_as(image: Image) -> ImageMark:
    """Return what an image can be known by now, with its id if it has one, or else an empty one."""
    return ImageMark(
        id=id_of(image) or "",
        name=image.name,
        path=file_of(image),
        shape=tuple(full_data(image).shape),
        pixels=_pixels_of(image),
    )


def is_same(mark: ImageMark, seen: ImageMark) -> bool:
    """Return whether an image that was opened again is that of a mark.

    The same pixels are the same image, wherever the file is now. Where they are not in memory, or
    the file was written anew, path and name have to be the same: one file may give several layers.
    Of arrays without a file a name is worth nothing where pixels can be compared, since napari
    calls all of them "Image".
    """
    if seen.shape != mark.shape:
        return False
    compared = mark.pixels is not None and seen.pixels is not None
    if compared and seen.pixels == mark.pixels:
        return True
    named_alike = seen.path == mark.path and seen.name == mark.name
    return named_alike and (seen.path is not None or not compared)


def _pixels_of(image: Image) -> str | None:
    identity = identify_array(full_data(image))
    return None if identity is None else identity.checksum
