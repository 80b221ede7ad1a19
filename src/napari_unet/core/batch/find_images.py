"""Finding images by files, folders and patterns, and naming their results."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.open_image import has_readable_name, is_readable, open_image
from napari_unet.core.segmentation.result_paths import is_result, stem_of
from napari_unet.errors import UnreadableFile


@dataclass(frozen=True)
class Found:
    """An image, or what was asked for and is none.

    ``folder`` is where it lies within the folder that was given; results lie there in the output
    folder.
    """

    path: Path
    folder: Path = Path()


@dataclass(frozen=True)
class Listing:
    """The images in a folder and below, as people count them, and folders that cannot be read."""

    folder: Path
    images: tuple[Path, ...]
    unread: tuple[Path, ...] = ()


@dataclass(frozen=True)
class OpenFile:
    """Opens a file as an image, here or in another process."""

    path: Path
    axes: str | None
    channels: int | None

    def __call__(self) -> ImageSource:
        """Open it."""
        return open_image(self.path, self.axes, channels=self.channels)

    def absolute(self) -> OpenFile:
        """Return the same for a process with another current folder."""
        return replace(self, path=self.path.absolute())


def find_images(inputs: Sequence[str | os.PathLike[str]], output: Path) -> list[Found]:
    """List images, each once, in a fixed order.

    Files and OME-Zarr folders are taken whatever they are called; of other folders everything in
    them and below of a kind that is read; patterns as the shell has them, ``**`` included. What is
    not there is listed too, so that it is reported. The output folder is never searched, and
    results of this program are not taken from elsewhere either.
    """
    found: dict[Path, Found] = {}
    for entry in inputs:
        for item in _found_by(str(entry), output.resolve()):
            found.setdefault(item.path.resolve(), item)
    return list(found.values())


def list_images(folder: Path) -> Listing:
    """List the images in a folder and below by their names; none is opened.

    Paths are absolute. ``UnreadableFile`` if the folder is not there, cannot be read, or has no
    image in it.
    """
    folder = Path(os.path.abspath(folder))
    unread: list[OSError] = []
    found = [item.path for item in _in_folder(folder, folder, unread.append)]
    refused = [Path(error.filename) for error in unread if error.filename]
    if unread and not found:
        raise UnreadableFile(
            f"the folder {refused[0] if refused else folder} cannot be read "
            f"({unread[0].strerror}); check its name and whether you may read it."
        )
    if not found:
        raise UnreadableFile(
            f"there is no image in {folder}; choose a folder with TIFF, OME-Zarr, PNG, JPEG or npy "
            "in it."
        )
    return Listing(folder, tuple(sorted(found, key=by_numbers)), tuple(refused))


def by_numbers(file: Path) -> list[tuple[bool, int, str]]:
    """Return what files are sorted by so that 2 comes before 10."""
    parts = re.split(r"(\d+)", str(file))
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def result_names(images: Sequence[Found]) -> list[Path]:
    """Return a name for the results of each image, without an ending, no two of them the same.

    It is the image's own; where two would have the same, the ending is kept, and a number is added
    if that does not tell them apart.
    """
    names = [image.folder / stem_of(image.path) for image in images]
    count = Counter(map(_key, names))
    names = [
        image.folder / image.path.name if count[_key(name)] > 1 else name
        for image, name in zip(images, names, strict=True)
    ]
    return unique_names(names)


def unique_names(names: Sequence[Path]) -> list[Path]:
    """Add a number to each name that an earlier one has; capitals do not tell two apart."""
    taken: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 1
        while _key(candidate) in taken:
            number += 1
            candidate = name.with_name(f"{name.name}-{number}")
        taken.add(_key(candidate))
        unique.append(candidate)
    return unique


def _key(name: Path) -> str:
    """Return what file systems that do not know capitals compare."""
    return str(name).casefold()


def _found_by(entry: str, output: Path) -> Iterator[Found]:
    path = Path(entry)
    if path.exists() or not glob.has_magic(entry):
        is_folder = path.is_dir() and not is_readable(path)
        yield from _in_folder(path, output) if is_folder else [Found(path)]
        return
    matches = [Path(match) for match in sorted(glob.glob(entry, recursive=True))]
    images = [m for m in matches if is_readable(m) and not is_result(m)]
    yield from map(Found, images or [path])


def _in_folder(
    root: Path, output: Path, unread: Callable[[OSError], None] | None = None
) -> Iterator[Found]:
    """Walk a folder; an OME-Zarr in it is one image."""
    for folder, folders, files in os.walk(root, onerror=unread):
        here = Path(folder)
        shown = sorted(name for name in folders if not name.startswith("."))
        below = [name for name in shown if (here / name).resolve() != output]
        zarrs = [name for name in below if is_readable(here / name)]
        folders[:] = [name for name in below if name not in zarrs]
        images = [name for name in files if has_readable_name(name)]
        for name in sorted([*images, *zarrs]):
            path = here / name
            if not is_result(path):
                yield Found(path, here.relative_to(root))
