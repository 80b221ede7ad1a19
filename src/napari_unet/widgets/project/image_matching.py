"""Which open layers are the images of a project."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from napari.layers import Image, Layer

from napari_unet.widgets.layers.image_marks import ImageMark, is_same, seen_as


def match_images(marks: Mapping[str, ImageMark], layers: Iterable[Layer]) -> dict[str, Image]:
    """Return the layer of each image that is open; no layer is two images.

    The surest come first: the same id, as where a project is opened in its own window; then what
    :func:`is_same` says, of images of equal pixels that of the same name; at last a layer of the
    same file, if there is one alone.
    By the keys of the marks; images that are not open are not among them.
    """
    seen = {layer: seen_as(layer) for layer in layers if isinstance(layer, Image)}
    files = Counter((mark.path, mark.shape) for mark in seen.values())
    files.update((mark.path, mark.shape) for mark in marks.values())

    def is_only_one(mark: ImageMark, found: ImageMark) -> bool:
        file = mark.path, mark.shape
        return mark.path is not None and file == (found.path, found.shape) and files[file] == 2

    rules: tuple[Callable[[ImageMark, ImageMark], bool], ...] = (
        lambda mark, found: mark.id == found.id and mark.shape == found.shape,
        lambda mark, found: mark.name == found.name and is_same(mark, found),
        is_same,
        is_only_one,
    )
    matched: dict[str, Image] = {}
    for rule in rules:
        for key, mark in marks.items():
            free = (layer for layer in seen if layer not in matched.values())
            layer = next((x for x in free if rule(mark, seen[x])), None)
            if key not in matched and layer is not None:
                matched[key] = layer
    return matched
