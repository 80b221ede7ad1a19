"""What a project is told of a viewer's layers: their keys, and the images under the strokes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.errors import InvalidInput
from napari_unet.project.changes import Facts, next_key
from napari_unet.project.index import AnnotationEntry, ImageEntry, ProjectIndex
from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.project.layer_entries import (
    annotation_entry,
    full_data,
    image_entry,
    image_under,
)


class LayerKeys:
    """Gives each layer a key in its project, the same for as long as the project is open."""

    def __init__(self) -> None:
        self._keys: WeakKeyDictionary[Layer, str] = WeakKeyDictionary()
        self._taken: set[str] = set()
        self._images: dict[str, str] = {}  # of an annotation: the key of its image
        self._told_images: dict[str, ImageEntry] = {}
        self._told_strokes: dict[str, AnnotationEntry] = {}

    def begin(self, index: ProjectIndex) -> None:
        """Forget all layers; the keys of a project are taken."""
        self._keys.clear()
        self._told_images.clear()
        self._told_strokes.clear()
        self._taken = {x.key for x in index.images} | {x.key for x in index.annotations}
        self._images = {x.key: x.image for x in index.annotations if x.image is not None}

    def assign(self, layer: Layer, key: str) -> None:
        """Say which layer of the project a layer is."""
        self._keys[layer] = key

    def key_of(self, layer: Layer) -> str:
        """Return a layer's key, a new one if it has none."""
        if layer not in self._keys:
            key = next_key(self._taken, "i" if isinstance(layer, Image) else "a")
            self._taken.add(key)
            self._keys[layer] = key
        return self._keys[layer]

    def layer_of(self, key: str, layers: Iterable[Layer]) -> Layer | None:
        """Return the layer of a key, if it is among these."""
        return next((layer for layer in layers if self._keys.get(layer) == key), None)

    def facts(self, viewer: ViewerModel, strokes: Iterable[Labels], **others: Any) -> Facts:
        """Return what a project is told: of layers that are gone too, as they were last.

        Their strokes may not be saved yet.

        Parameters
        ----------
        viewer
            Whose images.
        strokes
            The annotation layers.
        **others
            The other fields of :class:`napari_unet.project.changes.Facts`.
        """
        arrays: dict[str, Any] = {}
        for layer in strokes:
            key = self.key_of(layer)
            with suppress(InvalidInput):  # an image that cannot be worked on now stays as it was
                for part in self._images_of(viewer, layer, key):
                    part_key = self.key_of(part)
                    self._told_images[part_key] = image_entry(part, part_key, self.key_of)
                    arrays[part_key] = full_data(part)
            self._told_strokes[key] = annotation_entry(layer, key, self._images.get(key))
        return Facts(
            images=tuple(self._told_images.values()),
            arrays=arrays,
            annotations=tuple(self._told_strokes.values()),
            **others,
        )

    def _images_of(self, viewer: ViewerModel, layer: Labels, key: str) -> tuple[Image, ...]:
        """Return the image under strokes, which stays the same, and those that lend it channels."""
        known = self.layer_of(self._images.get(key, ""), viewer.layers)
        image = known if known is not None and is_picture(known) else image_under(viewer, layer)
        if image is None:
            return ()
        self._images[key] = self.key_of(image)
        return picture_of(image).layers


@dataclass(frozen=True, eq=False)
class Left:
    """What a dock that was closed leaves: a project's folder, and the keys of its layers.

    Attributes
    ----------
    chosen
        Whether somebody chose the folder.
    """

    folder: Path
    chosen: bool
    keys: LayerKeys


left_by: WeakKeyDictionary[ViewerModel, Left] = WeakKeyDictionary()
