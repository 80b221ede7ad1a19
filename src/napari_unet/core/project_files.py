"""The files of a project folder: their names, and strokes as files that describe themselves.

A file is named by a digest of what is in it and never changed; another content is another file.
So a save that is interrupted has changed nothing that the index names.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unet.core.project_index import ProjectIndex, VersionEntry
from napari_unet.errors import UnreadableFile

INDEX_NAME = "project.json"
PREVIOUS_NAME = "project.previous.json"
_ANNOTATIONS = "annotations"
_MODELS = "models"
_PLANE_FILE = re.compile(r"(?:plane|[0-9]+(?:-[0-9]+)*)_[0-9a-f]{32}\.npz")
_LAYER_FOLDER = re.compile(r"[a-z0-9]{1,32}")
_MOST_PIXELS = 2**33
_NOT_STROKES = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class StoredPlane:
    """One plane of strokes.

    Attributes
    ----------
    index
        Along the axes before row and column.
    shape
        Of the whole layer, (..., Y, X).
    labels
        (Y, X) integer, 0 where nothing is painted.
    """

    index: tuple[int, ...]
    shape: tuple[int, ...]
    labels: np.ndarray


def digest_of(data: bytes) -> str:
    """Return 32 hexadecimal digits that stand for a content (BLAKE2b)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def plane_digest(plane: StoredPlane) -> str:
    """Return what stands for a plane of strokes, its place and its layer's shape."""
    labels = np.ascontiguousarray(plane.labels)
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{labels.dtype.str} {list(plane.index)} {list(plane.shape)}".encode())
    digest.update(labels.tobytes())
    return digest.hexdigest()


def plane_path(folder: Path, key: str, index: Sequence[int], digest: str) -> Path:
    """Return the file of a plane of strokes."""
    place = "-".join(map(str, index)) or "plane"
    return folder / _ANNOTATIONS / key / f"{place}_{digest}.npz"


def model_path(folder: Path, entry: VersionEntry) -> Path:
    """Return the model file of a version."""
    return folder / _MODELS / f"{entry.number:04d}_{entry.digest}.unet"


def thumbnail_path(folder: Path, entry: VersionEntry) -> Path | None:
    """Return the picture of a version, if it has one."""
    if entry.thumbnail is None:
        return None
    return folder / _MODELS / f"{entry.number:04d}_{entry.thumbnail}.png"


def files_of(folder: Path, index: ProjectIndex) -> Iterator[Path]:
    """Iterate over the files that an index names."""
    for layer in index.annotations:
        for plane in layer.planes:
            yield plane_path(folder, layer.key, plane.index, plane.digest)
    for entry in index.versions:
        yield model_path(folder, entry)
        thumbnail = thumbnail_path(folder, entry)
        if thumbnail is not None:
            yield thumbnail
        for used in entry.planes:
            yield plane_path(folder, used.annotation, used.index, used.digest)


def path_beside(folder: Path, path: str | None) -> str | None:
    """Return a path as seen from the project folder, where there is such a way."""
    if path is None:
        return None
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return None


def check_inside(folder: Path, path: Path) -> None:
    """Refuse a path that a link leads out of the project folder.

    Raises
    ------
    UnreadableFile
        It does.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableFile(f"{path} leads out of the project folder; replace the link by a copy.")


def read_file(folder: Path, path: Path) -> bytes:
    """Read a file of the project.

    Raises
    ------
    UnreadableFile
        It is not there, cannot be read, or lies outside of the folder.
    """
    check_inside(folder, path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror or error}); take another copy of it."
        ) from None


def plane_bytes(plane: StoredPlane) -> bytes:
    """Return the content of a plane's file: a compressed ``.npz``."""
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        labels=plane.labels,
        index=np.array(plane.index, np.int64),
        shape=np.array(plane.shape, np.int64),
    )
    return stream.getvalue()


def read_plane(folder: Path, path: Path) -> StoredPlane:
    """Read a plane of strokes.

    Raises
    ------
    UnreadableFile
        The file is not there, is damaged, or holds something else than its name says.
    """
    data = read_file(folder, path)
    try:
        plane = _parse_plane(data)
    except _NOT_STROKES as error:
        detail = str(error) or type(error).__name__
        raise UnreadableFile(
            f"the strokes in {path} are damaged ({detail}); take another copy of it."
        ) from None
    if plane_digest(plane) != path.stem.rpartition("_")[2]:
        raise UnreadableFile(
            f"the strokes in {path} are not those that were saved; take another copy of it."
        )
    return plane


def plane_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Find every file of strokes without the index: pairs of the layer's key and the file."""
    root = folder / _ANNOTATIONS
    if not root.is_dir():
        return
    for layer in sorted(root.iterdir()):
        if layer.is_dir() and _LAYER_FOLDER.fullmatch(layer.name):
            for path in sorted(layer.iterdir()):
                if _PLANE_FILE.fullmatch(path.name):
                    yield layer.name, path


def _parse_plane(data: bytes) -> StoredPlane:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        index, shape = (_member(archive, name, most=16) for name in ("index", "shape"))
        labels = _member(archive, "labels", most=_MOST_PIXELS)
    plane = StoredPlane(tuple(map(int, index)), tuple(map(int, shape)), labels)
    lead = plane.shape[:-2]
    inside = all(0 <= place < length for place, length in zip(plane.index, lead, strict=False))
    if labels.ndim != 2 or labels.shape != plane.shape[-2:] or len(plane.index) != len(lead):
        raise ValueError("its shapes do not fit each other")
    if not inside:
        raise ValueError("it is a plane outside of its layer")
    return plane


def _member(archive: zipfile.ZipFile, name: str, *, most: int) -> np.ndarray:
    """Read an array of integers; its header is looked at before memory is taken for it."""
    with archive.open(f"{name}.npy") as stream:
        major, _ = np.lib.format.read_magic(stream)
        if major != 1:
            raise ValueError("its arrays are of another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in "iu" or np.prod(shape, dtype=np.float64) > most:
        raise ValueError("it holds no class ids")
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
