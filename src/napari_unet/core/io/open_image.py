"""Opening a file of any kind as an image; of large ones only what is asked for is read."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from napari_unet.core.images.axes import GuessedAxes, checked_axes, guess_axes
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.file_content import Stored
from napari_unet.core.io.read_tiff import open_tiff
from napari_unet.core.io.read_zarr import is_zarr, open_zarr
from napari_unet.errors import InvalidInput, UnreadableFile, UserError, why_unreadable

_TIFF = (".tif", ".tiff", ".lsm", ".btf", ".tf8")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
READABLE = (*_TIFF, *_PICTURES, ".npy")


def is_readable(path: Path) -> bool:
    """Tell by its name whether a file, or a folder of OME-Zarr, is of a kind that is read."""
    if path.is_dir():
        return is_zarr(path)
    return has_readable_name(path.name)


def has_readable_name(name: str) -> bool:
    """Tell whether a file of that name is of a kind that is read."""
    return name.lower().endswith(READABLE) and not name.startswith(".")


def open_image(
    path: str | os.PathLike[str], axes: str | None = None, *, channels: int | None = None
) -> ImageSource:
    """Open a file as an image.

    TIFF (also OME-TIFF and ImageJ's), OME-Zarr 0.4 and 0.5, plain Zarr arrays and NumPy's ``.npy``
    are read where they are needed; PNG, JPEG and what else imageio reads is read at once. Axes are
    a letter each of the stored array; ``None`` for what the file says, and a guess for what it does
    not say, see :func:`napari_unet.core.images.axes.guess_axes`, to which it helps how many
    channels a model wants. A ``with`` statement closes the file. ``UnreadableFile`` if it is not
    there, is no image, or is not complete; ``InvalidInput`` if it is empty, not numeric, or the
    axes do not fit.
    """
    path = Path(path)
    stored = _stored(path)
    try:
        return _named(stored, path, axes, channels)
    except InvalidInput as error:
        stored.close()
        raise InvalidInput(f"{path}: {error}") from None


def _named(stored: Stored, path: Path, axes: str | None, channels: int | None) -> ImageSource:
    """Name the axes of what a file holds."""
    shape, dtype = tuple(stored.levels[0].shape), np.dtype(stored.levels[0].dtype)
    if len(shape) < 2 or 0 in shape:
        raise InvalidInput(f"an array of shape {shape} is empty or no image; choose another.")
    if axes is not None:
        named = GuessedAxes(checked_axes(axes, shape))
    else:
        named = guess_axes(shape, dtype, told=stored.told, channels=channels)
    letters = named.axes
    sizes = {letter: size for letter, size in stored.pixel_size.items() if letter in letters}
    return ImageSource(
        stored.levels,
        letters,
        pixel_size=sizes,
        units={letter: unit for letter, unit in stored.units.items() if letter in sizes},
        name=str(path),
        guesses=(*stored.said, *named.reasons),
        kind=stored.kind,
        file=path,
        closing=stored.close,
    )


def _stored(path: Path) -> Stored:
    suffix = path.suffix.lower()
    if path.is_dir():
        opener: Callable[[Path], Stored] = open_zarr
    elif not path.is_file():
        raise UnreadableFile(f"there is no file {path}; check the name.")
    elif not path.stat().st_size:
        raise _unreadable(path, "it is empty")
    elif suffix in _TIFF:
        opener = open_tiff
    else:
        opener = _open_npy if suffix == ".npy" else _open_picture
    with _plainly(path):
        return opener(path)


@contextmanager
def _plainly(path: str | Path) -> Iterator[None]:
    """Turn whatever a library raises into one sentence."""
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise UnreadableFile(
            f"{path} does not fit into memory; close other programs, or cut the image."
        ) from None
    except Exception as error:  # each reader has its own errors for a damaged file
        raise _unreadable(path, why_unreadable(error)) from None


def _unreadable(path: str | Path, why: str) -> UnreadableFile:
    return UnreadableFile(
        f"{path} cannot be read as an image ({why}); take another copy of the file, or save it as "
        "TIFF or PNG."
    )


def _open_npy(path: Path) -> Stored:
    return Stored("npy", (np.lib.format.open_memmap(path, mode="r"),))


def _open_picture(path: Path) -> Stored:
    from imageio.v3 import imread

    read = partial(imread, plugin="pillow") if path.suffix.lower() in _PICTURES else imread
    data = np.asarray(read(path))
    if data.ndim == 3 and data.shape[-1] == 2:
        said = "the second value of each pixel, its opacity, is left out."
        return Stored("picture", (data[..., 0],), said=(said,))
    colours = data.ndim >= 3 and data.shape[-1] in (3, 4)
    told = {2: "YX", 3: "YXS", 4: "TYXS"} if colours else {2: "YX", 3: "TYX"}
    return Stored("picture", (data,), told=told.get(data.ndim))


def read_image(path: str | os.PathLike[str], level: int = 0) -> np.ndarray:
    """Read an image or a label array.

    Parameters
    ----------
    path
        Any kind that :func:`napari_unet.core.io.open_image.open_image` opens.
    level
        Of a pyramid, 0 for the finest.

    Returns
    -------
    ndarray
        As stored, (..., Y, X), with RGB's three channels last.

    Raises
    ------
    UnreadableFile
        The file is not there or is no image.
    InvalidInput
        It is empty or not numeric, or has no such level.
    """
    with open_image(path) as source:
        source.check_level(level)
        return read_whole(source, level)


def read_whole(source: ImageSource, level: int = 0) -> np.ndarray:
    """Read all of an open file, as stored; ``UnreadableFile`` if what it holds is damaged."""
    with _plainly(source.name):
        return np.array(source.levels[level][...])


def read_labels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label array, in which one number is one class or object.

    ``UnreadableFile`` if the file is not there, is no image, or is a colour picture.
    """
    labels = read_image(path)
    if labels.ndim >= 3 and labels.shape[-1] in (3, 4) and labels.dtype == np.uint8:
        if (labels[..., :3] == labels[..., :1]).all():
            return labels[..., 0]
        raise UnreadableFile(
            f"{path} is a colour picture; save labels as a single-channel image of class ids."
        )
    return labels
