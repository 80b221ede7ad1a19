"""The files of a project folder: their names, and strokes as files that describe themselves.

A file is named by a digest of what is in it and never changed; another content is another file.
So a save that is interrupted has changed nothing that the index names.
"""

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from napari_unet.errors import UnreadableFile
from napari_unet.project.entries import FolderEntry
from napari_unet.project.index import ImageEntry, ProjectIndex, VersionEntry

INDEX_NAME = "project.json"
PREVIOUS_NAME = "project.previous.json"
_ANNOTATIONS = "annotations"
_MODELS = "models"
_PLANE_FILE = re.compile(r"(?:plane|[0-9]+(?:-[0-9]+)*)(?:_at-[0-9]+-[0-9]+)?_[0-9a-f]{32}\.npz")
_LAYER_FOLDER = re.compile(r"[a-z0-9]{1,32}")
_MOST_PIXELS = 2**33
_MOST_BYTES = 2**32  # of a file
_MOST_DEFLATED = 1032  # times as large as its file a content can be, by the format
_NOT_STROKES = (
    OSError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class StoredPlane:
    """One plane of strokes, or a part of it.

    ``index``: along the axes before row and column. ``shape``: of the whole layer, (..., Y, X).
    ``labels``: (Y, X) integer, 0 where nothing is painted. ``at``: row and column at which the part
    begins.
    """

    index: tuple[int, ...]
    shape: tuple[int, ...]
    labels: np.ndarray
    at: tuple[int, int] = (0, 0)

    @property
    def fits(self) -> bool:
        """Whether there is such a place in the layer."""
        lead = self.shape[:-2]
        if self.labels.ndim != 2 or len(self.shape) < 2 or len(self.index) != len(lead):
            return False
        ends = (start + side for start, side in zip(self.at, self.labels.shape, strict=True))
        inside = all(0 <= place < length for place, length in zip(self.index, lead, strict=True))
        return inside and all(
            0 <= start < end <= length
            for start, end, length in zip(self.at, ends, self.shape[-2:], strict=True)
        )

    @property
    def where(self) -> tuple[int | slice, ...]:
        """Its place in the whole layer."""
        rows, columns = (slice(a, a + n) for a, n in zip(self.at, self.labels.shape, strict=True))
        return (*self.index, rows, columns)


def digest_of(data: bytes) -> str:
    """Return 32 hexadecimal digits that stand for a content (BLAKE2b)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def plane_digest(plane: StoredPlane) -> str:
    """Return what stands for a plane of strokes, its place and its layer's shape."""
    labels = np.ascontiguousarray(plane.labels)
    digest = hashlib.blake2b(digest_size=16)
    place = [*plane.index, *plane.at]
    digest.update(f"{labels.dtype.str} {labels.shape} {place} {list(plane.shape)}".encode())
    digest.update(labels.tobytes())
    return digest.hexdigest()


def plane_path(
    folder: Path, key: str, index: Sequence[int], digest: str, at: tuple[int, int] = (0, 0)
) -> Path:
    """Return the file of a plane of strokes, or of a part of it."""
    place = "-".join(map(str, index)) or "plane"
    if any(at):
        place += f"_at-{at[0]}-{at[1]}"
    return folder / _ANNOTATIONS / key / f"{place}_{digest}.npz"


def model_path(folder: Path, entry: VersionEntry) -> Path:
    """Return the model file of a version."""
    return folder / _MODELS / f"{entry.number:04d}_{entry.digest}.unet"


def files_of(folder: Path, index: ProjectIndex) -> Iterator[Path]:
    """Iterate over the files that an index names."""
    for layer in index.annotations:
        for plane in layer.planes:
            yield plane_path(folder, layer.key, plane.index, plane.digest, plane.at)
    for entry in index.versions:
        yield model_path(folder, entry)
        for used in entry.planes:
            yield plane_path(folder, used.annotation, used.index, used.digest, used.at)


def path_beside(folder: Path, path: str | None) -> str | None:
    """Return a path as seen from the project folder, where there is such a way."""
    if path is None:
        return None
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return None


def folder_beside(folder: Path, entry: FolderEntry | None) -> FolderEntry | None:
    """Return a folder of images with its path as seen from the project folder."""
    if entry is None:
        return None
    return entry.model_copy(update={"beside": path_beside(folder, entry.path)})


def places_of(folder: Path, entry: ImageEntry | FolderEntry) -> tuple[Path, ...]:
    """Return where an image, or a folder of them, may be now: beside the project comes first."""
    beside = () if entry.beside is None else (Path(os.path.normpath(folder / entry.beside)),)
    return beside if entry.path is None else (*beside, Path(entry.path))


def check_inside(folder: Path, path: Path) -> None:
    """Refuse a path that a link leads out of the project folder; ``UnreadableFile`` if it does."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableFile(f"{path} leads out of the project folder; replace the link by a copy.")


def read_file(folder: Path, path: Path) -> bytes:
    """Read a file of the project.

    ``UnreadableFile`` if it is not there, cannot be read, is far too large, or lies outside of the
    folder.
    """
    check_inside(folder, path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnreadableFile(f"{path} is too large for what it is; take another copy of it.")
        return path.read_bytes()
    except MemoryError:
        raise UnreadableFile(f"{path} does not fit into memory; close other programs.") from None
    except UnreadableFile:
        raise
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
        at=np.array(plane.at, np.int64),
        shape=np.array(plane.shape, np.int64),
    )
    return stream.getvalue()


def read_plane(folder: Path, path: Path) -> StoredPlane:
    """Read a plane of strokes.

    ``UnreadableFile`` if the file is not there, is damaged, or holds something else than its name
    says.
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
        index, shape, at = (_member(archive, name, most=16) for name in ("index", "shape", "at"))
        labels = _member(archive, "labels", most=_MOST_PIXELS)
    row, column = map(int, at)
    plane = StoredPlane(tuple(map(int, index)), tuple(map(int, shape)), labels, (row, column))
    if not plane.fits:
        raise ValueError("its shapes do not fit each other")
    return plane


def _member(archive: zipfile.ZipFile, name: str, *, most: int) -> np.ndarray:
    """Read an array of integers; its header is looked at before memory is taken for it."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as stream:
        major, _ = np.lib.format.read_magic(stream)
        if major != 1:
            raise ValueError("its arrays are of another format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in "iu" or np.prod(shape, dtype=np.float64) > most:
        raise ValueError("it holds no class ids")
    told = prod(shape) * dtype.itemsize
    if told > entry.file_size or told > _MOST_DEFLATED * max(entry.compress_size, 1):
        raise ValueError("it says that it is larger than it can be")
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
