"""Results as OME-TIFF, or as OME-Zarr where they are too large for that."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_unet.core.images.units import sign
from napari_unet.core.io.atomic import placed
from napari_unet.core.io.read_tiff import map_annotations
from napari_unet.core.io.result import NAMESPACE, MadeFrom, Result
from napari_unet.core.io.write_zarr import write_zarr
from napari_unet.core.labels.classes import LABEL_KINDS, LabelKind
from napari_unet.errors import Stopped

MOST_TIFF_BYTES = 2**29  # of a result that is put together in memory


@contextmanager
def open_result(
    path: Path, result: Result, stop: Callable[[], bool] = lambda: False
) -> Iterator[Any]:
    """Give an array to write a result into; it is at its path when all is written.

    ``.zarr`` is a pyramid of OME-Zarr 0.5, written chunk by chunk; all else OME-TIFF, put together
    in memory. The array has the result's shape and dtype, see :meth:`Result.place`. ``stop`` is
    asked while what is in memory, and the coarser levels of a pyramid, are written. After
    ``UnwritableOutput`` or ``Stopped`` nothing is left of it.
    """
    with placed(path) as temporary:
        if path.suffix == ".zarr":
            with write_zarr(temporary, result, stop) as array:
                yield array
        else:
            data = np.zeros(result.shape, dtype=result.dtype)
            yield data
            if stop():
                raise Stopped
            _write_tiff(temporary, data, result)
        if stop():  # asked again, since to compress it may have taken long
            raise Stopped


def read_label_kind(path: str | os.PathLike[str]) -> LabelKind | None:
    """Return the kind of labels that a prediction written by this program was trained on."""
    meaning = _meaning_of(Path(path))
    kind = meaning.get("label_kind")
    return next((known for known in LABEL_KINDS if known == kind), None)


def holds_objects(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file says of itself that its values are ids of objects."""
    return _meaning_of(Path(path)).get("values") == "instances"


def read_made_from(path: str | os.PathLike[str]) -> MadeFrom | None:
    """Return what a result was made from; ``None`` if it does not say so."""
    known = _meaning_of(Path(path)).get("made_from")
    if known is None:
        return None
    try:
        return MadeFrom(**(json.loads(known) if isinstance(known, str) else known))
    except (TypeError, ValueError):
        return None


def _meaning_of(path: Path) -> Mapping[str, Any]:
    """Return what a result says of its values; empty if it is none."""
    try:
        if path.is_dir():
            attributes = json.loads((path / "zarr.json").read_text("utf-8"))["attributes"]
            meaning = attributes[NAMESPACE]
        else:
            with tifffile.TiffFile(path) as tiff:
                meaning = map_annotations(tiff.ome_metadata or "", NAMESPACE)
    except (OSError, ValueError, LookupError, TypeError, tifffile.TiffFileError):
        return {}
    return meaning if isinstance(meaning, Mapping) else {}


def _write_tiff(path: Path, data: np.ndarray, result: Result) -> None:
    meaning = result.meaning
    metadata: dict[str, Any] = {
        "axes": result.axes,
        "Name": result.name,
        "MapAnnotation": {
            "Namespace": NAMESPACE,
            "label_kind": result.kind,
            "values": result.values,
            "classes": json.dumps(meaning["classes"]),
            "made_from": json.dumps(meaning["made_from"]),
        },
    }
    if "C" in result.sizes:
        metadata["Channel"] = {"Name": [entry.name for entry in result.classes]}
    for letter, size in result.pixel_size.items():
        unit = sign(result.units.get(letter))
        name = "TimeIncrement" if letter == "T" else f"PhysicalSize{letter}"
        if unit is not None:
            metadata |= {name: size, f"{name}Unit": unit}
    tifffile.imwrite(
        path, data, ome=True, compression="zlib", photometric="minisblack", metadata=metadata
    )
