"""Opening a file of any kind as an image; of large ones only what is asked for is read."""

import os
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from napari_unet.core.images.axes import GuessedAxes, checked_axes, guess_axes
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.file_content import Stored
from napari_unet.core.io.read_tiff import open_tiff
from napari_unet.core.io.read_zarr import is_zarr, open_zarr
from napari_unet.errors import InvalidInput, UnreadableFile, UserError, reason_of

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
    if path.is_dir():
        return _tried(open_zarr, path)
    if not path.is_file():
        raise UnreadableFile(f"there is no file {path}; check the name.")
    suffix = path.suffix.lower()
    if suffix in _TIFF:
        return _tried(open_tiff, path)
    return _tried(_open_npy if suffix == ".npy" else _open_picture, path)


def _tried(opener: Callable[[Path], Stored], path: Path) -> Stored:
    """Turn whatever a library raises into one sentence."""
    try:
        return opener(path)
    except UserError:
        raise
    except Exception as error:  # each reader has its own errors for a damaged file
        raise UnreadableFile(
            f"{path} cannot be read as an image ({reason_of(error)}); save it as TIFF or PNG."
        ) from None


def _open_npy(path: Path) -> Stored:
    data = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(data, np.ndarray):
        raise ValueError("several arrays in one file")
    return Stored("npy", (data,))


def _open_picture(path: Path) -> Stored:
    from imageio.v3 import imread

    read = partial(imread, plugin="pillow") if path.suffix.lower() in _PICTURES else imread
    try:
        data = np.asarray(read(path))
    except (OSError, struct.error):
        # The libraries say which of their buffers was too short.
        raise UnreadableFile(
            f"{path} cannot be read as an image (damaged, or no picture at all); save it as TIFF "
            "or PNG."
        ) from None
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
    path = Path(path)
    with open_image(path) as source:
        source.check_level(level)
        try:
            return np.array(source.levels[level][...])
        except MemoryError:
            raise UnreadableFile(
                f"{path} does not fit into memory; close other programs, or cut the image."
            ) from None
        except Exception as error:  # each reader has its own errors for a damaged file
            raise UnreadableFile(
                f"{path} cannot be read as an image ({reason_of(error)}); save it as TIFF or PNG."
            ) from None


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
