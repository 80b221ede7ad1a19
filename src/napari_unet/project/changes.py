"""What a project is told to save, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import TrainingRecord, header_of
from napari_unet.core.objects.kinds import Kinds
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidModel
from napari_unet.project.entries import FolderEntry
from napari_unet.project.index import AnnotationEntry, ImageEntry, UsedPlane, VersionKind


@dataclass(frozen=True, eq=False)
class PlaneStrokes:
    """The strokes on a plane of a layer, or on a part of it.

    ``annotation``, ``index``: the layer and the plane. ``labels``: (Y, X) integer, 0 where nothing
    is painted. ``at``: row and column at which the part begins.
    """

    annotation: str
    index: tuple[int, ...]
    labels: np.ndarray
    at: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class NewVersion:
    """A version of the model to keep; of one number the last one counts.

    ``number``, ``made``, ``kind``, ``ended``, ``parent``: as in
    :class:`napari_unet.project.index.VersionEntry`. ``model``: content of a model file. ``planes``:
    the strokes that it was trained on. ``kept``: those of them that are in the project already.
    ``read_planes``: gives them instead, in the thread that saves; for a loop that learns what is
    painted then.
    """

    number: int
    made: datetime
    kind: VersionKind
    ended: bool
    model: bytes
    parent: int | None = None
    planes: tuple[PlaneStrokes, ...] = ()
    kept: tuple[UsedPlane, ...] = ()
    read_planes: Callable[[], tuple[PlaneStrokes, ...]] | None = None

    def with_planes(self) -> NewVersion:
        """Return it with its strokes read."""
        if self.read_planes is None:
            return self
        return replace(self, planes=self.read_planes(), read_planes=None)

    @property
    def says(self) -> TrainingRecord | None:
        """What the model says of its last training; ``None`` if nothing."""
        try:
            history = header_of(self.model).history
        except InvalidModel:
            return None
        return history[-1] if history else None


@dataclass(frozen=True, eq=False)
class Facts:
    """What there is besides strokes and models; always all of it.

    ``classes``, ``settings``, ``in_use``, ``folder``, ``kinds``: as in
    :class:`napari_unet.project.index.ProjectIndex`. ``images``: without checksums, which are found
    here. ``arrays``: the pixels of images that are in memory alone, by key. ``annotations``: the
    layers of strokes, without their planes. A layer that is not among them any more stays as it is,
    unless it is in ``removed``. ``removed``: keys of layers that were taken out of the window.
    """

    classes: tuple[ClassInfo, ...] = ()
    settings: TrainSettings | None = None
    in_use: int | None = None
    images: tuple[ImageEntry, ...] = ()
    arrays: Mapping[str, Any] = field(default_factory=dict)
    annotations: tuple[AnnotationEntry, ...] = ()
    removed: frozenset[str] = frozenset()
    folder: FolderEntry | None = None
    kinds: Kinds = field(default_factory=Kinds)


@dataclass(frozen=True, eq=False)
class Changes:
    """What to save: ``facts`` is ``None`` if they are as before."""

    facts: Facts | None = None
    planes: tuple[PlaneStrokes, ...] = ()
    versions: tuple[NewVersion, ...] = ()


def next_key(taken: Collection[str], kind: str) -> str:
    """Return the first of ``kind1``, ``kind2``, ... that is not taken."""
    number = 1
    while f"{kind}{number}" in taken:
        number += 1
    return f"{kind}{number}"
