"""What a project folder says of itself: validated data, one JSON file, free of torch."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects.kinds import Kinds
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.project.entries import At, CellsEntry, Entry, FolderEntry, Placement, Text

FORMAT_VERSION = 1

# File names are made of keys, numbers and digests alone, so that none can lead out of the folder.
Key = Annotated[str, Field(pattern=r"^[a-z0-9]{1,32}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
_Axes = Annotated[str, Field(pattern=r"^[TCZYXS]{2,6}$")]
_Length = Annotated[int, Field(ge=1, le=2**31)]
PART = 1024  # rows and columns of a part of a large plane
_Start = Annotated[int, Field(ge=0, le=2**31, multiple_of=PART)]
PlaneIndex = tuple[At, ...]
VersionKind = Literal["train", "live", "opened"]


class ImageEntry(Entry):
    """An image that was painted on; its pixels are not in the project.

    ``key``, ``name``: of the image in this project, and as it was called. ``id``: by which its
    strokes know it, in whatever project. ``path``, ``beside``: absolute path, and the path seen
    from the project folder; ``None`` if it was only in memory. ``size``, ``checksum``: see
    :func:`napari_unet.core.io.fingerprint.identify_file`. ``modified``: when the file was last
    changed, in nanoseconds. ``shape``: (..., Y, X), with RGB's
    channels at the end. ``pixels``: a checksum of them; it tells the layers of one file from each
    other. ``rgb``: whether the last axis is colour. ``axes``: a letter an axis of ``shape``, see
    :class:`images.image_source.ImageSource`. ``channels``: what a model is given: keys of images,
    and the number of a channel in each; empty for all of the image's own. ``level``: which level of
    a pyramid is worked on, 0 for the finest. ``reader``: the viewer's plugin that opened it.
    ``placement``: where it lay.
    """

    key: Key
    name: Text
    id: Digest | None = None
    path: Text | None = None
    beside: Text | None = None
    size: int | None = Field(default=None, ge=0)
    checksum: Digest | None = None
    modified: int | None = None
    shape: tuple[_Length, ...] = Field(min_length=2, max_length=16)
    pixels: Digest | None = None
    rgb: bool = False
    axes: _Axes | None = None
    channels: tuple[tuple[Key, At], ...] = ()
    level: int = Field(default=0, ge=0, le=64)
    reader: Text | None = None
    placement: Placement | None = None


class PlaneEntry(Entry):
    """A plane with strokes, or a part of a large one.

    ``index``: along the axes before row and column. ``at``: row and column at which the part
    begins. ``digest``: of its content.
    """

    index: PlaneIndex
    at: tuple[_Start, _Start] = (0, 0)
    digest: Digest


class AnnotationEntry(Entry):
    """A layer of strokes, or of cells that were corrected.

    ``key``, ``name``: of the layer in this project, and as it is called. ``image``: key of the
    image that it was painted on, where known. ``shape``, ``dtype``: (..., Y, X), and the type of
    its numbers. ``planes``: those with strokes; all others are empty. ``placement``: where it lies.
    ``removed``: whether it was taken out of the window; its strokes stay in the folder. ``away``:
    whether it was put away with its image, one of a folder, until that is shown again. ``cells``:
    of a layer of cells; ``None`` for strokes. ``classes``: of strokes: what their ids mean.
    """

    key: Key
    name: Text
    image: Key | None = None
    shape: tuple[_Length, ...] = Field(min_length=2, max_length=16)
    dtype: Literal["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
    planes: tuple[PlaneEntry, ...] = ()
    placement: Placement | None = None
    removed: bool = False
    away: bool = False
    cells: CellsEntry | None = None
    classes: tuple[ClassInfo, ...] = ()

    @model_validator(mode="after")
    def _planes_fit(self) -> Self:
        lead = self.shape[:-2]
        for plane in self.planes:
            inside = all(place < length for place, length in zip(plane.index, lead, strict=False))
            if len(plane.index) != len(lead) or not inside:
                raise ValueError(f"there is no plane {list(plane.index)} in {self.name!r}")
        if len({(plane.index, plane.at) for plane in self.planes}) != len(self.planes):
            raise ValueError(f"a plane of {self.name!r} is there twice")
        return self


class UsedPlane(Entry):
    """A plane of strokes, or a part of it, that a version was trained on, as it was then."""

    annotation: Key
    index: PlaneIndex
    at: tuple[_Start, _Start] = (0, 0)
    digest: Digest


class VersionEntry(Entry):
    """A version of the model.

    ``number``: counted from 1. ``made``: UTC time, ISO 8601. ``kind``: which way it came: by Train,
    by Live, or opened from a file. ``ended``: false for the best model so far of a training whose
    end was never seen. ``digest``, ``size``: of the model file. ``score``: as the model says, where
    it has one. ``by_class``: the score at each class, by id. ``labelled_pixels``: pixels that it
    was trained on. ``parent``: the version that its training started from; ``None`` for fresh
    weights. ``planes``: the strokes that it was trained on.
    """

    number: int = Field(ge=1, le=999_999)
    made: datetime
    kind: VersionKind
    ended: bool = True
    digest: Digest
    size: int = Field(ge=0)
    score: float | None = None
    by_class: dict[int, float | None] = Field(default={})
    labelled_pixels: int = Field(default=0, ge=0)
    parent: int | None = None
    planes: tuple[UsedPlane, ...] = ()


class ProjectIndex(Entry):
    """All that a project folder holds, oldest versions first.

    ``format_version``: of the folder's layout. ``program``: version of this program that wrote it.
    ``saved``: UTC time, ISO 8601. ``in_use``: number of the version in use. ``folder``: whose
    images are worked on, if there is one. ``kinds``: of cells, and what teaches them.
    """

    format_version: int = Field(default=FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    program: Text = Field(default_factory=lambda: version("napari-unet-live"))
    saved: datetime = Field(default_factory=lambda: datetime.now(UTC))
    classes: tuple[ClassInfo, ...] = ()
    settings: TrainSettings | None = None
    images: tuple[ImageEntry, ...] = ()
    annotations: tuple[AnnotationEntry, ...] = ()
    versions: tuple[VersionEntry, ...] = ()
    in_use: int | None = None
    folder: FolderEntry | None = None
    kinds: Kinds = Kinds()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for name, keys in (
            ("image", [image.key for image in self.images]),
            ("annotation", [layer.key for layer in self.annotations]),
            ("version", [entry.number for entry in self.versions]),
        ):
            if len(set(keys)) != len(keys):
                raise ValueError(f"two entries are the same {name}")
        return self

    def version(self, number: int) -> VersionEntry:
        """Return a version; ``InvalidInput`` if there is none of that number."""
        for entry in self.versions:
            if entry.number == number:
                return entry
        raise InvalidInput(f"there is no version {number} in this project; choose one of the list.")

    def annotation(self, key: str) -> AnnotationEntry:
        """Return a layer of strokes; ``InvalidInput`` if there is none of that key."""
        for layer in self.annotations:
            if layer.key == key:
                return layer
        raise InvalidInput(f"there is no layer {key} of strokes in this project; open it again.")

    def to_bytes(self) -> bytes:
        """Return it as the content of ``project.json``."""
        return (self.model_dump_json(indent=1) + "\n").encode()


def parse_index(data: bytes) -> ProjectIndex:
    """Read the content of ``project.json``.

    ``InvalidInput`` if it is not such a text, or it is from a newer version of the program.
    """
    try:
        raw = json.loads(data)
        found = raw["format_version"]
        if isinstance(found, int) and found > FORMAT_VERSION:
            raise InvalidInput(
                f"the project was saved by a newer version of napari-unet (project format {found}, "
                f"this version reads up to {FORMAT_VERSION}); update napari-unet to open all of it."
            )
        return ProjectIndex.model_validate_json(data)
    except InvalidInput:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{where}: {first['msg']}" if where else first["msg"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        detail = f"{type(error).__name__}: {error}"
    raise InvalidInput(f"project.json is damaged ({detail}); take another copy of it.")
