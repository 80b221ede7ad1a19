"""Opening a project folder: as much as can be read, and a sentence for what cannot."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unet.core.io.fingerprint import identify_file
from napari_unet.errors import InvalidInput, UnreadableFile, UserError
from napari_unet.project.files import (
    INDEX_NAME,
    PREVIOUS_NAME,
    StoredPlane,
    digest_of,
    model_path,
    places_of,
    plane_files,
    plane_path,
    read_file,
    read_plane,
)
from napari_unet.project.index import AnnotationEntry, ImageEntry, ProjectIndex, parse_index

_AS_A_COPY = "It was opened as a copy; choose Save as… and another folder to go on."


@dataclass(frozen=True, eq=False)
class OpenedLayer:
    """A layer of strokes and the planes of it that could be read."""

    entry: AnnotationEntry
    planes: tuple[StoredPlane, ...]

    def data(self) -> np.ndarray:
        """Return the whole layer, (..., Y, X).

        ``UnreadableFile`` if memory does not suffice for the shape that it says it has.
        """
        try:
            data = np.zeros(self.entry.shape, self.entry.dtype)
        except (MemoryError, ValueError):
            raise UnreadableFile(
                f"the strokes of {self.entry.name!r} are of an image of shape {self.entry.shape}, "
                "for which memory does not suffice; open the project on another computer."
            ) from None
        for plane in self.planes:
            data[plane.where] = plane.labels
        return data


@dataclass(frozen=True)
class FoundImage:
    """An image of a project and where it is now; ``path`` is ``None`` if it was not found."""

    entry: ImageEntry
    path: Path | None


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """What could be read of a project folder.

    ``folder``: where it is. ``index``: what it says of itself, or what its files say where that is
    lost. ``layers``: strokes; those that were removed from the window, or put away, are not
    among them.
    ``images``: where the images are now. ``problems``: a sentence each for what could not be read.
    ``attached``: whether it may be written to: its own index was read. ``data``: the bytes of the
    index as read, by which a change by somebody else is noticed. ``before``: the index before that,
    if it can be read. ``spared``: damaged files, which are never removed.
    """

    folder: Path
    index: ProjectIndex
    layers: tuple[OpenedLayer, ...]
    images: tuple[FoundImage, ...]
    problems: tuple[str, ...]
    attached: bool
    data: bytes
    before: ProjectIndex | None
    spared: frozenset[Path] = frozenset()


def open_project(folder: Path) -> OpenedProject:
    """Open a project folder; nothing in it is changed.

    Strokes come first: where the index is damaged, missing or from a newer version, that of the
    save before is taken, or else the strokes' own files say where they belong. ``UnreadableFile``
    if there is no such folder, or nothing of a project in it.
    """
    if not folder.is_dir():
        raise UnreadableFile(
            f"there is no folder {folder}; check the name, or where it was moved to."
        )
    problems: list[str] = []
    data, index = _try_index(folder, INDEX_NAME, problems)
    before = _try_index(folder, PREVIOUS_NAME, [])[1]
    attached = index is not None
    spared: set[Path] = set()
    if index is not None:
        layers = tuple(_layers(folder, index, problems, spared))
    elif before is not None:
        index = before
        problems.append(f"The save before it was read instead. {_AS_A_COPY}")
        layers = tuple(_layers(folder, index, problems, spared))
    else:
        layers = tuple(_layers_by_files(folder, problems))
        if not layers:
            raise UnreadableFile(
                f"{folder} is no project that can be opened: {problems[0]} "
                "Choose a folder that holds project.json."
            )
        index = ProjectIndex(annotations=tuple(layer.entry for layer in layers))
        problems.append(f"The strokes were read from their own files. {_AS_A_COPY}")
    away = _only_away(index)
    images = tuple(
        _find_image(folder, image, problems) for image in index.images if image.key not in away
    )
    problems += _missing_models(folder, index)
    return OpenedProject(
        folder, index, layers, images, tuple(problems), attached, data, before, frozenset(spared)
    )


def read_version(folder: Path, index: ProjectIndex, number: int) -> bytes:
    """Return the model file of a version.

    ``InvalidInput`` if there is no such version; ``UnreadableFile`` if its file is not there, or
    was changed.
    """
    entry = index.version(number)
    data = read_file(folder, model_path(folder, entry))
    if digest_of(data) != entry.digest:
        raise UnreadableFile(
            f"the model of version {number} is not the one that was saved; take another copy of "
            f"{model_path(folder, entry)}."
        )
    return data


def _try_index(folder: Path, name: str, problems: list[str]) -> tuple[bytes, ProjectIndex | None]:
    data = b""
    try:
        data = read_file(folder, folder / name)
        return data, parse_index(data)
    except UnreadableFile:
        problems.append(f"{name} is missing or cannot be read.")
    except InvalidInput as error:
        problems.append(f"{folder}: {error}")
    return data, None


def read_layer(
    folder: Path, entry: AnnotationEntry, problems: list[str], spared: set[Path]
) -> OpenedLayer:
    """Read the planes of a layer; a sentence for each that cannot be, and its file."""
    planes = []
    for plane in entry.planes:
        path = plane_path(folder, entry.key, plane.index, plane.digest, plane.at)
        try:
            found = read_plane(folder, path)
            place = found.index, found.at
            if found.shape != entry.shape or place != (plane.index, plane.at):
                raise UnreadableFile(
                    f"the strokes in {path} are of another layer; take another copy of it."
                )
            planes.append(found)
        except UserError as error:
            problems.append(f"{error} All other strokes were opened.")
            spared.add(path)
    return OpenedLayer(entry, tuple(planes))


def _layers(
    folder: Path, index: ProjectIndex, problems: list[str], spared: set[Path]
) -> Iterator[OpenedLayer]:
    for entry in index.annotations:
        if not entry.removed and not entry.away:
            yield read_layer(folder, entry, problems, spared)


def _only_away(index: ProjectIndex) -> set[str]:
    """Return the images that are not opened: all that is on them was put away."""
    away = {layer.image for layer in index.annotations if layer.away}
    shown = {layer.image for layer in index.annotations if not layer.away}
    lent = {key for image in index.images if image.key in shown for key, _ in image.channels}
    return {key for key in away - shown - lent if key is not None}


def _layers_by_files(folder: Path, problems: list[str]) -> Iterator[OpenedLayer]:
    """Put together what the files of strokes say; of several of one plane the newest counts."""
    newest: dict[str, dict[tuple, tuple[int, str, StoredPlane]]] = defaultdict(dict)
    for key, path in plane_files(folder):
        try:
            plane, when = read_plane(folder, path), path.stat().st_mtime_ns
        except (UserError, OSError) as error:
            problems.append(str(error))
            continue
        known = newest[key].get((plane.index, plane.at))
        if known is None or when > known[0]:
            newest[key][plane.index, plane.at] = when, path.stem.rpartition("_")[2], plane
    for key, found in newest.items():
        shape = max(found.values(), key=lambda item: item[0])[2].shape
        kept = [item for item in found.values() if item[2].shape == shape]
        entry = AnnotationEntry.model_validate(
            {
                "key": key,
                "name": f"strokes {key}",
                "shape": shape,
                "dtype": str(np.result_type(*(plane.labels.dtype for _, _, plane in kept))),
                "planes": [
                    {"index": p.index, "at": p.at, "digest": digest} for _, digest, p in kept
                ],
            }
        )
        yield OpenedLayer(entry, tuple(plane for _, _, plane in kept))


def _find_image(folder: Path, entry: ImageEntry, problems: list[str]) -> FoundImage:
    """Look beside the project first: it may have been moved with its images."""
    if entry.path is None:
        problems.append(
            f"the image {entry.name!r} was only in memory; open it, and its strokes fit it again."
        )
        return FoundImage(entry, None)
    for path in places_of(folder, entry):
        try:
            found = identify_file(path)
        except UnreadableFile:
            continue
        if entry.checksum is not None and found.checksum != entry.checksum:
            problems.append(
                f"the image {path} is not as it was when it was painted on; look whether the "
                "strokes fit it."
            )
        return FoundImage(entry, path)
    problems.append(f"the image {entry.path} is not there; open it from where it is now.")
    return FoundImage(entry, None)


def _missing_models(folder: Path, index: ProjectIndex) -> list[str]:
    return [
        f"the model of version {entry.number} is missing; take another copy of "
        f"{model_path(folder, entry).name}."
        for entry in index.versions
        if not model_path(folder, entry).is_file()
    ]
