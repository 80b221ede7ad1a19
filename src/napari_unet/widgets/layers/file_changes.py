"""Whether the file of a layer was changed since it was opened: its pixels in memory then are older.

Of a layer that was there before the plugin it is known from when the plugin first saw it.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Layer

from napari_unet.widgets.layers.image_marks import file_of, full_data

State = tuple[int, int]  # bytes, and when it was last changed
_opened: WeakKeyDictionary[Layer, Mapping[Path, State]] = WeakKeyDictionary()


def is_in_memory(layer: Image) -> bool:
    """Return whether an image's pixels are in memory, whatever becomes of its file."""
    data = full_data(layer)
    return isinstance(data, np.ndarray) and not isinstance(data, np.memmap)


def note_file(layer: Layer) -> None:
    """Keep how a layer's file, or those of its folder, are now; does nothing the second time."""
    path = file_of(layer)
    if isinstance(layer, Image) and layer not in _opened and path is not None:
        _opened[layer] = _states(Path(path))


def changes_of(layer: Image, file: Path | None = None) -> Callable[[], tuple[str, ...]]:
    """Return what says later, in any thread, that pixels in memory are older than their file.

    Parameters
    ----------
    layer
        The image.
    file
        One of the files of its folder; ``None`` for all of it.
    """
    path = file_of(layer)
    if path is None or not is_in_memory(layer):
        return tuple
    note_file(layer)
    before = _opened[layer]
    known = before if file is None else {file: before[file]} if file in before else {}
    return partial(_changes, Path(path) if file is None else file, known)


def _changes(path: Path, before: Mapping[Path, State]) -> tuple[str, ...]:
    now = _states(path)
    if all(now.get(file, state) == state for file, state in before.items()):
        return ()
    return (
        f"{path.name} was changed on disk since it was opened; the layer shows what was in it "
        "before: open it again to segment what is there now.",
    )


def _states(path: Path) -> dict[Path, State]:
    """Return how a file, or each file right in a folder, is now; nothing of one that is gone."""
    found = {}
    with suppress(OSError, ValueError):
        for file in path.iterdir() if path.is_dir() else (path,):
            status = os.stat(file)
            found[file] = status.st_size, status.st_mtime_ns
    return found
