"""Measurements of the objects of a whole image, plane by plane or volume by volume."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.images.units import sign
from napari_unet.core.io.result import Result
from napari_unet.core.models.header import ModelHeader, background_output
from napari_unet.core.objects.components import Writable
from napari_unet.core.objects.label_instances import class_map
from napari_unet.core.objects.measure import Table, measure, write_csv
from napari_unet.errors import UnwritableOutput

LEAD_NAMES = {"T": "time", "Z": "plane"}


class PieceMeasurements:
    """Takes the pieces of an image one by one and makes a table of their objects.

    A piece is in memory while it is measured.
    """

    def __init__(
        self,
        source: ImageSource,
        result: Result,
        header: ModelHeader,
        *,
        channels: Sequence[int] | None,
        level: int,
    ) -> None:
        self._source, self._header = source, header
        self._channels, self._level = channels, level
        ndim = header.network.ndim
        self._letters, self._lead = result.axes[-ndim:], result.axes[:-ndim]
        self._tables: list[Table] = []
        self._size, unit = result.measure_of(self._letters)
        self._unit = sign(unit) or unit

    def __call__(self, lead: tuple[int, ...], ids: Writable, probabilities: Writable) -> None:
        """Measure a piece; see :func:`segmentation.instance_writer.ObjectsInto`."""
        labels = np.asarray(ids[...])
        where = dict(zip(self._lead, lead, strict=True))
        table = measure(
            labels,
            self._image(where),
            pixel_size=self._size,
            unit=self._unit,
            classes=self._classes(probabilities),
        )
        count = len(table["id"])
        places: Table = {LEAD_NAMES[letter]: np.full(count, at) for letter, at in where.items()}
        self._tables.append(places | table)

    @property
    def table(self) -> Table:
        """All rows so far; first the time and the plane, from 0, of images that have them."""
        return {
            name: np.concatenate([table[name] for table in self._tables])
            for name in self._tables[0]
        }

    def write(self, path: Path) -> None:
        """Write the table as CSV."""
        write_csv(path, self.table)

    def _image(self, where: dict[str, int]) -> np.ndarray:
        """Return a piece of the image, channels first."""
        if "Z" not in self._letters:
            return self._plane(where)
        planes = range(self._source.sizes(self._level)["Z"])
        return np.stack([self._plane(where | {"Z": plane}) for plane in planes], axis=1)

    def _plane(self, where: dict[str, int]) -> np.ndarray:
        index = [where[letter] for letter in self._source.plane_axes]
        return whole_plane(self._source.plane(index, channels=self._channels, level=self._level))

    def _classes(self, probabilities: Writable) -> np.ndarray | None:
        """Return the class of each pixel, if there are several of objects."""
        background = background_output(self._header)
        ids = [entry.id for entry in self._header.classes]
        if len(ids) - (background is not None) < 2:
            return None
        found = class_map(np.asarray(probabilities[...]), background)
        return np.array([0, *ids])[found]


def measurements_path(instances: Path) -> Path:
    """Return where the measurements of a result go: ``NAME_instances.csv`` beside it."""
    name = instances.name.removesuffix(".zarr").removesuffix(".tif").removesuffix(".ome")
    return instances.with_name(f"{name}.csv")


def check_table_ours(path: Path, beside: Path) -> None:
    """Refuse to overwrite a table that does not lie beside a result it could be of."""
    if path.exists() and not beside.exists():
        raise UnwritableOutput(
            f"{path} is there already and beside no result of napari-unet; move it away or choose "
            "another folder."
        )
