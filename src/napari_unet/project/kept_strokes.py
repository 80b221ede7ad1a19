"""The strokes of images that are not open, as a project keeps them. Neither Qt nor napari.

They are those of a folder that is worked on image by image: each was put away with its image.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_unet.core.images.box import Region
from napari_unet.core.images.cutout import cut
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.io.fingerprint import identify_file
from napari_unet.core.io.open_image import open_image
from napari_unet.core.segmentation.result_paths import RESULTS, stem_of
from napari_unet.core.training.stroke_regions import stroke_pieces
from napari_unet.errors import InvalidInput, UnreadableFile
from napari_unet.project.files import places_of
from napari_unet.project.index import AnnotationEntry, ImageEntry, ProjectIndex, UsedPlane
from napari_unet.project.open_project import read_layer
from napari_unet.session.state import PaintedPlanes
from napari_unet.session.working_set import Mark

Ranges = dict[tuple[int, ...], Intensities]


@dataclass(frozen=True, eq=False)
class KeptStrokes:
    """The strokes on an image that is not open.

    ``project``: the folder that the strokes are in. ``path``: where the image is now. ``image``,
    ``strokes``: what the project says of them. ``known``: the ranges of grey values that were found
    already, by plane.
    """

    project: Path
    path: Path
    image: ImageEntry
    strokes: AnnotationEntry
    known: Ranges = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """How many channels of the image a model is given."""
        sizes = dict(zip(self.image.axes or "", self.image.shape, strict=False))
        return len(self.image.channels) or sizes.get("C", 1) * min(sizes.get("S", 1), 3)

    @property
    def has_slices(self) -> bool:
        """Whether the image can be learnt as volumes."""
        return "Z" in self._painted

    @property
    def _painted(self) -> str:
        """The axes of the strokes before the rows."""
        return (self.image.axes or "").removesuffix("S").removeprefix("C")[:-2]

    def read(self, reach: int) -> PaintedPlanes:
        """Read what is around the strokes, ``reach`` pixels, and the range of grey values.

        ``UserError`` if the image was changed since, or it or the strokes cannot be read.
        """
        whole = self._planes()
        with open_as_before(self.path, self.image) as source:
            return self._cut(source, whole, reach)

    def read_volumes(self) -> PaintedPlanes:
        """Read the volumes that strokes lie in, all slices of each; ``UserError`` likewise."""
        axis, volumes = self._painted.index("Z"), dict[tuple[int, ...], np.ndarray]()
        for index, strokes in self._planes().items():
            place = (*index[:axis], *index[axis + 1 :])
            empty = np.zeros((self.strokes.shape[axis], *strokes.shape), strokes.dtype)
            volumes.setdefault(place, empty)[index[axis]] = strokes
        letters = self._painted.replace("Z", "")
        with open_as_before(self.path, self.image) as source:
            images = tuple(
                whole_plane(
                    source.volume(
                        _along(letters, place), channels=self._channels, level=self.image.level
                    )
                )
                for place in volumes
            )
            return PaintedPlanes(
                keys=tuple(f"{self.project} {self.strokes.key}{list(place)}" for place in volumes),
                images=images,
                labels=tuple(volumes.values()),
                pixel_unit=source.units.get("X"),
                channels=self._channels or tuple(range(source.channels)),
            )

    @property
    def _channels(self) -> tuple[int, ...] | None:
        return tuple(channel for _, channel in self.image.channels) or None

    def _planes(self) -> dict[tuple[int, ...], np.ndarray]:
        """Return the strokes of each plane, (Y, X), of an image that is as it was."""
        problems: list[str] = []
        planes = read_layer(self.project, self.strokes, problems, set()).planes
        if problems:
            raise UnreadableFile(problems[0])
        check_unchanged(self.path, self.image)
        whole: dict[tuple[int, ...], np.ndarray] = {}
        for plane in planes:
            shape = self.strokes.shape[-2:]
            labels = whole.setdefault(plane.index, np.zeros(shape, self.strokes.dtype))
            labels[plane.where[-2:]] = plane.labels
        return whole

    def _cut(
        self, source: ImageSource, whole: Mapping[tuple[int, ...], np.ndarray], reach: int
    ) -> PaintedPlanes:
        channels = self._channels
        images, labels, places = [], [], []
        boxes: list[Region | None] = []
        for index, strokes in whole.items():
            where = _along(self._painted, index)
            plane = source.plane(where, channels=channels, level=self.image.level)
            if index not in self.known:
                self.known[index] = plane.intensities()
            plane = replace(plane, known=self.known[index])
            for box, part in stroke_pieces(strokes, reach=reach):
                images.append(cut(plane, box))
                labels.append(part)
                boxes.append((*box.rows, *box.columns))
                places.append((self.strokes.key, index))
        sizes = source.pixel_size_at(self.image.level)
        return PaintedPlanes(
            keys=tuple(f"{self.project} {key}{list(index)}" for key, index in places),
            images=tuple(images),
            labels=tuple(labels),
            boxes=tuple(boxes),
            pixel_size=(sizes["Y"], sizes["X"]) if {"Y", "X"} <= sizes.keys() else None,
            pixel_unit=source.units.get("X"),
            channels=channels or tuple(range(source.channels)),
            places=tuple(places),
        )


def _along(letters: str, index: tuple[int, ...]) -> list[int]:
    """Return where a plane or a volume is along the axes that are no channels."""
    return [at for letter, at in zip(letters, index, strict=True) if letter != "C"]


def open_as_before(path: Path, image: ImageEntry) -> ImageSource:
    """Open the file of an image with the axes that it had when it was painted on.

    ``UserError`` if it cannot be read, or holds another image.
    """
    with open_image(path) as found:
        stored = tuple(map(int, found.levels[0].shape))
    axes = image.axes
    if axes and stored != image.shape and stored == (*image.shape[1:], image.shape[0]):
        return open_image(path, axes[1:] + axes[0])  # channels that were brought to the front
    if stored != image.shape:
        raise InvalidInput(
            f"{path} has the shape {stored} and had {image.shape} when it was painted on, so "
            "its strokes are not learnt; show it, and paint it anew."
        )
    return open_image(path, axes)


def check_unchanged(path: Path, image: ImageEntry) -> None:
    """Refuse an image whose file is not there, or is not the one that was painted on."""
    if not path.exists():
        raise UnreadableFile(
            f"{path} is not there any more, so its strokes are not learnt; they stay in the "
            "project."
        )
    if was_changed(path, image):
        raise InvalidInput(
            f"{path} was changed since it was painted on, so its strokes are not learnt; show it, "
            "and look whether they fit it."
        )


def was_changed(path: Path, image: ImageEntry) -> bool:
    """Tell whether a file is another than the one that was painted on, where that is known."""
    if image.checksum is None or path.stat().st_mtime_ns == image.modified:
        return False
    return identify_file(path).checksum != image.checksum


def image_at(
    project: Path | None, index: ProjectIndex, path: Path
) -> tuple[ImageEntry | None, tuple[str, ...]]:
    """Return the image that was put away and is this file, and what is to be said of that.

    A file that is as another was, which is not there any more, is that one under another name.
    """
    away = {layer.image for layer in index.annotations if layer.away and not layer.removed}
    lost = []
    for image in reversed(index.images):  # of several on one file the newest
        place = place_of(project, image, (path,)) if image.key in away else None
        if place == path:
            return image, ()
        if place is not None and not place.exists() and path.is_file():
            lost.append((image, place))
    size = path.stat().st_size if lost else 0
    for image, place in lost:
        if image.size == size and image.checksum == identify_file(path).checksum:
            said = f"the image {path.name} is {place.name} under another name, with its strokes."
            return image, (said,)
    return None, ()


def layers_of(index: ProjectIndex, image: ImageEntry) -> Iterator[AnnotationEntry]:
    """Iterate over what was put away with an image: strokes, and cells that were corrected."""
    for layer in index.annotations:
        if layer.image == image.key and layer.away and not layer.removed:
            yield layer


def only_away(index: ProjectIndex) -> ProjectIndex:
    """Return a project without a history, of what was put away alone."""
    layers = tuple(x for x in index.annotations if x.away and not x.removed)
    keys = {layer.image for layer in layers}
    return ProjectIndex(
        classes=index.classes,
        images=tuple(image for image in index.images if image.key in keys),
        annotations=layers,
        folder=index.folder,
    )


def used_away(index: ProjectIndex) -> tuple[UsedPlane, ...]:
    """Return the strokes that were put away, as what a version was trained on."""
    return tuple(
        UsedPlane(annotation=layer.key, index=plane.index, at=plane.at, digest=plane.digest)
        for layer in index.annotations
        if layer.away and not layer.removed and layer.cells is None
        for plane in layer.planes
    )


def place_of(project: Path | None, image: ImageEntry, there: Collection[Path]) -> Path | None:
    """Return where an image is among some files, or else is; ``None`` if it is no file."""
    places = tuple(map(Path, () if image.path is None else (image.path,)))
    places = places if project is None else places_of(project, image)
    for place in places:
        if place in there:
            return place
    return next((place for place in places if place.exists()), places[-1] if places else None)


def marks_of(
    project: Path | None, index: ProjectIndex, files: Collection[Path], folder: Path
) -> dict[Path, Mark]:
    """Return what was done to the images of a folder; those that are gone are among them."""
    done: dict[str, Mark] = {}
    for layer in index.annotations:
        if layer.image is not None and layer.planes and not layer.removed:
            mark = Mark.PAINTED if layer.cells is None else Mark.CORRECTED
            done[layer.image] = done.get(layer.image, Mark.NONE) | mark
    marks: dict[Path, Mark] = {}
    for image in index.images:
        path = place_of(project, image, files) if image.key in done else None
        if path is not None and (path in files or path.is_relative_to(folder)):
            gone = Mark.NONE if path in files else Mark.GONE
            marks[path] = marks.get(path, Mark.NONE) | done[image.key] | gone
    return marks


def segmented(files: Collection[Path], folder: Path, results: Path | None) -> set[Path]:
    """Return the images whose results are in the folder of results, by their names."""
    if results is None:
        return set()
    found = set()
    for root, folders, names in os.walk(results):
        here = Path(os.path.relpath(root, results))
        for name in (*names, *folders):
            stem, _, what = stem_of(Path(name)).rpartition("_")
            if what in RESULTS:
                found.add(here / stem)
    places = ((path, path.relative_to(folder).parent) for path in files)
    return {
        path
        for path, where in places
        if where / stem_of(path) in found or where / path.name in found
    }
