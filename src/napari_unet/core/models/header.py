"""What a model file says of itself: validated data, free of torch."""

from __future__ import annotations

import json
import os
import platform
import struct
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import version

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_unet.core.images.intensity import EACH_BY_ITSELF, Scaling, Way
from napari_unet.core.labels.classes import ClassInfo, LabelKind, background_id
from napari_unet.core.network.config import PresetName, TrainedConfig
from napari_unet.core.network.onnx_network import NOT_TRAINABLE, ForeignNetwork, Network
from napari_unet.errors import InvalidInput, InvalidModel, UnreadableFile

GRAPH = "onnx"  # the tensor of a model file that holds an ONNX file

FORMAT_VERSION = 2
METADATA_KEY = "napari_unet"
_MAX_HEADER_BYTES = 16 * 2**20
_NOT_OURS = (
    "this is not a napari-unet model; choose a file that `napari-unet train` or the Save button "
    "wrote."
)


class ScorePoint(BaseModel):
    """One point of the score curve of a training."""

    model_config = ConfigDict(frozen=True)

    step: int
    elapsed: float
    value: float
    held_out: bool


class ClassReport(BaseModel):
    """How good a model is at a class, on strokes that were kept out of its training.

    Intersection over union, precision and recall, ``None`` where there is nothing to say; strokes
    and pixels that this is from; and of the stroke that was predicted worst a wrong pixel, an index
    along each axis of the painting, and which share of it was right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    iou: float | None
    precision: float | None
    recall: float | None
    strokes: int
    pixels: int
    worst: tuple[int, ...] = Field(default=(), max_length=16)
    worst_right: float = 1.0


class TrainingRecord(BaseModel):
    """What a training did, kept in the model it made.

    ``finished`` is UTC, ISO 8601; the score is that of the kept weights; ``labelled_pixels`` are by
    class id, ``versions`` those of the libraries that computed it. ``intensity_range`` has the
    lowest low and the highest high of each channel of what was trained on; empty where it was not
    kept. ``by_class`` says how good it is at each class, by id, and ``mistake`` which class it
    takes for which, and which share of it; both of held-out strokes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finished: str
    steps: int
    seconds: float
    score: float | None
    labelled_pixels: dict[int, int]
    settings: dict[str, object]
    versions: dict[str, str]
    device: str
    curve: tuple[ScorePoint, ...] = ()
    intensity_range: tuple[tuple[float, float], ...] = ()
    by_class: dict[int, ClassReport] = Field(default={})
    mistake: tuple[int, int, float] | None = None


class ModelHeader(BaseModel):
    """Everything about a model but its weights.

    ``preset`` is ``None`` for a model of another program. ``network_share`` is how much the network
    counts in the answer; the rest is the pixel classifier's. Classes are in the order of the output
    channels. The pixel size is (row, column), or (plane, row, column) of a voxel, where known.
    ``channels`` of its images are those it was trained on, counted from 0, in their order; ``None``
    where that is not known, or where they came from several images. The trainings that led to these
    weights begin with the oldest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(default=FORMAT_VERSION, ge=FORMAT_VERSION, le=FORMAT_VERSION)
    network: Network
    preset: PresetName | None
    label_kind: LabelKind
    network_share: float = Field(default=1.0, ge=0, le=1)
    classes: tuple[ClassInfo, ...]
    scaling: Scaling = EACH_BY_ITSELF
    pixel_size: tuple[float, float] | tuple[float, float, float] | None = None
    pixel_unit: str | None = Field(default=None, max_length=100)
    channels: tuple[int, ...] | None = None
    history: tuple[TrainingRecord, ...] = ()

    @property
    def class_ids(self) -> np.ndarray:
        """Ids as painted, (K,) uint16, or uint8 where they fit, in the order of the outputs."""
        ids = np.array([entry.id for entry in self.classes])
        return ids.astype(np.uint8 if ids.max() < 256 else np.uint16)

    @property
    def unet(self) -> TrainedConfig:
        """The network, to train it or to look into it.

        ``InvalidModel`` if it is one of another program.
        """
        if isinstance(self.network, ForeignNetwork):
            raise InvalidModel(NOT_TRAINABLE)
        return self.network

    @property
    def trained_preset(self) -> PresetName:
        """The preset of a model that was trained here. ``InvalidModel`` if it was not."""
        if self.preset is None:
            raise InvalidModel(NOT_TRAINABLE)
        return self.preset

    def scaled(self, way: Way | None) -> ModelHeader:
        """Return it with another way of scaling images; ``None`` for its own.

        ``InvalidInput`` if it is one of another program, which brings its own.
        """
        if way is None or way == self.scaling.way:
            return self
        if isinstance(self.network, ForeignNetwork):
            raise InvalidInput(
                "this model is of another program and says itself how images are scaled; leave "
                "the intensities as they are."
            )
        return self.model_copy(update={"scaling": replace(self.scaling, way=way)})

    @model_validator(mode="after")
    def _network_fits(self) -> ModelHeader:
        if isinstance(self.network, ForeignNetwork) == (self.preset is not None):
            raise ValueError("its preset does not fit its network")
        ids = [entry.id for entry in self.classes]
        if len(ids) != self.network.n_classes or len(set(ids)) != len(ids):
            raise ValueError("the classes do not fit the network's output")
        return self


def background_output(header: ModelHeader) -> int | None:
    """Return which output of a model is the background, ``None`` if it knows none."""
    ids = [entry.id for entry in header.classes]
    background = background_id(header.label_kind)
    return ids.index(background) if background in ids else None


@lru_cache(maxsize=1)
def installed_versions() -> dict[str, str]:
    """Return the versions of what computes, by name."""
    packages = ("napari-unet-live", "torch", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def parse_header(text: str) -> ModelHeader:
    """Read a model's description from its JSON.

    ``InvalidModel`` if it is none, or it is from another version of the program.
    """
    try:
        raw = json.loads(text)
        found = raw["format_version"]
        if isinstance(found, int) and found > FORMAT_VERSION:
            raise InvalidModel(
                f"the model was saved by a newer version of napari-unet (file format {found}, "
                f"this version reads {FORMAT_VERSION}); update napari-unet to open it."
            )
        if isinstance(found, int) and 0 < found < FORMAT_VERSION:
            raise InvalidModel(
                f"the model was saved by an older version of napari-unet (file format {found}), "
                "which scaled grey values otherwise; train it again."
            )
        return ModelHeader.model_validate(raw)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, InvalidModel):
            raise
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InvalidModel(
            f"the model's description is damaged ({detail}); take another copy of the file."
        ) from None


def read_model_file(path: str | os.PathLike[str]) -> bytes:
    """Read a model file; what its first bytes do not describe takes no memory.

    ``UnreadableFile`` if it cannot be read; else see :func:`header_of`.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            start += file.read(_header_length(start, size))
            header_of(start, size)
            file.seek(0)
            return file.read(size)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror}).") from None
    except MemoryError:
        raise UnreadableFile(
            f"{path} does not fit into memory; close other programs, or use a smaller model."
        ) from None


def with_way(data: bytes, way: Way) -> bytes:
    """Return the content of a model file with another way of scaling; weights are not looked at."""
    changed = header_of(data).scaled(way)
    start = 8 + _header_length(data[:8], len(data))
    entries = json.loads(data[8:start])
    entries["__metadata__"][METADATA_KEY] = changed.model_dump_json()
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)  # the weights begin at a multiple of 8, as the format has it
    return struct.pack("<Q", len(text)) + text + data[start:]


def _header_length(data: bytes, size: int) -> int:
    """Return how long the description is that follows the first 8 bytes."""
    length = struct.unpack("<Q", data)[0] if len(data) == 8 else 0
    if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
        raise InvalidModel(_NOT_OURS)
    return int(length)


def digest_of(data: bytes) -> str:
    """Return 32 hexadecimal digits that tell the content of a model file from others (BLAKE2b)."""
    return blake2b(data, digest_size=16).hexdigest()


def header_of(data: bytes | memoryview, size: int | None = None) -> ModelHeader:
    """Read the description out of a model file's bytes, without touching the weights.

    ``data`` is the content of a safetensors file of ``size`` bytes, of which the weights may be
    missing. ``InvalidModel`` if it is not a model of this program, is cut off, or is from a newer
    version.
    """
    not_ours = InvalidModel(_NOT_OURS)
    size = len(data) if size is None else size
    length = _header_length(bytes(data[:8]), size)
    try:
        entries = json.loads(bytes(data[8 : 8 + length]))
        text = entries.pop("__metadata__")[METADATA_KEY]
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        missing = 8 + length + end - size
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise not_ours from None
    if not isinstance(text, str):
        raise not_ours
    header = parse_header(text)
    if missing > 0:
        raise InvalidModel("the model file is not complete; take another copy of it.")
    if missing < 0:
        raise InvalidModel("the model file holds more than it describes; take another copy of it.")
    return header
