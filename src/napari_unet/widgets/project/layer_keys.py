"""What a project is told of a viewer's layers: their keys, and the images under the strokes."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.errors import InvalidInput, UserError
from napari_unet.project.changes import Facts, next_key
from napari_unet.project.index import AnnotationEntry, ImageEntry, ProjectIndex
from napari_unet.widgets.layers.image_marks import (
    ImageMark,
    full_data,
    id_of,
    image_of,
    mark_in,
    mark_of,
)
from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.project.layer_entries import annotation_entry, entry_from, image_entry


class LayerKeys:
    """Gives each layer a key in its project, the same for as long as the project is open.

    An image is known by its id, also when it was closed and opened again. ``away``: the keys of
    layers that are put away, whether they are gone from the viewer yet or not.
    """

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}  # by what a layer is called here
        self._taken: set[str] = set()
        self._told_images: dict[str, ImageEntry] = {}
        self._told_strokes: dict[str, AnnotationEntry] = {}
        self.away: set[str] = set()

    def begin(self, index: ProjectIndex) -> None:
        """Forget all layers; the keys of a project are taken."""
        self._keys.clear()
        self._told_images.clear()
        self._told_strokes.clear()
        self.away.clear()
        self._taken = {x.key for x in index.images} | {x.key for x in index.annotations}

    def assign(self, strokes: Labels, key: str) -> None:
        """Say which annotation layer of the project a layer is."""
        self._keys[_name(strokes)] = key
        self.away.discard(key)

    def assign_image(self, mark: ImageMark, key: str) -> None:
        """Say which image of the project is the one of a mark, also if it is not open."""
        self._keys[mark.id] = key

    def key_of(self, layer: Layer) -> str:
        """Return a layer's key, a new one if it has none."""
        return self._key(_name(layer), "i" if isinstance(layer, Image) else "a")

    @contextmanager
    def putting_away(self, keys: Collection[str]) -> Iterator[None]:
        """Say that layers are put away with their image, within; they are not looked at any more.

        After it nothing is told of them and their images, so that what was saved stays as it is;
        after an error all is as before.
        """
        for key in keys:
            self._told_strokes[key] = self._told_strokes[key].model_copy(update={"away": True})
        self.away |= set(keys)
        try:
            yield
        except UserError:
            self.away -= set(keys)
            raise
        gone = [self._told_strokes.pop(key) for key in keys]
        left = {entry.image for entry in self._told_strokes.values()}
        for entry in gone:
            if entry.image is not None and entry.image not in left:
                self._told_images.pop(entry.image, None)

    def layer_of(self, key: str, layers: Iterable[Layer]) -> Layer | None:
        """Return the layer of a key, if it is among these."""
        for layer in layers:
            name = id_of(layer) if isinstance(layer, Image) else _name(layer)
            if name is not None and self._keys.get(name) == key:
                return layer
        return None

    def facts(self, viewer: ViewerModel, strokes: Iterable[Labels], **others: Any) -> Facts:
        """Return what a project is told: of layers that are gone too, as they were last.

        Their strokes may not be saved yet.
        """
        arrays: dict[str, Any] = {}
        for layer in strokes:
            key = self.key_of(layer)
            image, mark = image_of(viewer.layers, layer), mark_in(layer)
            with suppress(InvalidInput):  # an image that cannot be worked on now stays as it was
                for part in _layers_of(image):
                    part_key = self.key_of(part)
                    self._told_images[part_key] = image_entry(part, part_key, self.key_of)
                    arrays[part_key] = full_data(part)
            if mark is not None and mark.id not in self._keys:  # it is not open
                unseen = self._key(mark.id, "i")
                self._told_images[unseen] = entry_from(mark, unseen)
            before = self._told_strokes.get(key)
            image_key = None if before is None else before.image
            image_key = image_key if mark is None else self._keys[mark.id]
            self._told_strokes[key] = annotation_entry(layer, key, image_key)
        return Facts(
            images=tuple(self._told_images.values()),
            arrays=arrays,
            annotations=tuple(self._told_strokes.values()),
            **others,
        )

    def _key(self, name: str, kind: str) -> str:
        if name not in self._keys:
            key = next_key(self._taken, kind)
            self._taken.add(key)
            self._keys[name] = key
        return self._keys[name]


def _name(layer: Layer) -> str:
    return mark_of(layer).id if isinstance(layer, Image) else str(layer.unique_id)


def _layers_of(image: Image | None) -> tuple[Image, ...]:
    """Return an image and those that lend it channels."""
    return () if image is None or not is_picture(image) else picture_of(image).layers


@dataclass(frozen=True, eq=False)
class Left:
    """What a dock that was closed leaves: a project's folder, and the keys of its layers.

    ``chosen``: whether somebody chose the folder.
    """

    folder: Path
    chosen: bool
    keys: LayerKeys


left_by: WeakKeyDictionary[ViewerModel, Left] = WeakKeyDictionary()
