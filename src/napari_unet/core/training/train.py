"""Training as a generator of events: whoever iterates decides where they go and when to stop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from napari_unet.core.events import Done, Notice, TrainEvent
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.labels.across_planes import Place
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.model import Model
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.lazy_images import is_lazy, read_around_strokes
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.stroke_regions import reach_of
from napari_unet.core.training.trainer import Run
from napari_unet.errors import InvalidInput

DEFAULT_SECONDS = 60.0


def train_events(
    images: Any,
    labels: Any,
    *,
    model: Model | None = None,
    classes: Sequence[ClassInfo] = (),
    newest: Sequence[np.ndarray] = (),
    places: Sequence[Place] = (),
    pixel_size: tuple[float, float] | None = None,
    pixel_unit: str | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> Iterator[TrainEvent]:
    """Train step by step.

    Parameters
    ----------
    images
        One array or several, (..., Y, X), with a channel axis where there are channels: at the
        end for RGB, or before the rows. Any real dtype. With ``dimensions=3`` volumes,
        (..., Z, Y, X), with an axis of channels before the planes. Of an
        :class:`images.image_source.ImageSource`, an array of dask or zarr, or one that is
        mapped from a file, only planes with strokes are read, and of one of more than 4096 x 4096
        pixels only what is around them.
    labels
        One integer array an image, its shape without channels; may be lazy where the image is.
    model
        Model to start from: its classes continue, new ones are added.
    classes
        Names and colours of classes; the others get default ones.
    newest
        One boolean array an image of the labels' shape: what was painted last, looked at more
        often.
    places
        Of each image that is one plane of a stack, the stack (anything hashable) and its index
        along the axes before the rows, so that a stroke across planes is one and is held out
        whole; empty if each is on its own. Planes of one array know theirs.
    pixel_size, pixel_unit
        Size of a pixel as (row, column), where known; kept in the model. Of volumes it is the
        setting ``voxel_size`` that is kept.
    should_stop
        Asked after each step; true ends the training, which keeps its best weights.
    clock
        Gives the seconds that the budget counts.
    **settings
        Fields of :class:`napari_unet.core.training.settings.TrainSettings`: ``dimensions=3`` and
        ``voxel_size=(plane, row, column)`` train on volumes. A model's own are taken where they
        are not given.

    Yields
    ------
    TrainEvent
        ``Started``, then ``Step`` after each step and ``Score``, ``Best`` and ``Notice`` in
        between, at last ``Done`` with the model.

    Raises
    ------
    InvalidInput
        Images, labels or settings cannot be used as they are; raised before the first event.
    DeviceUnavailable
        The device is not there, or its memory does not suffice for one patch.
    """
    start = clock()
    image_list, label_list = _as_list(images), _as_list(labels)
    if settings.get("seconds") is None and settings.get("steps") is None:
        settings["seconds"] = DEFAULT_SECONDS
    if model is not None and model.header.network.ndim == 3:
        settings = {"dimensions": 3, "voxel_size": model.header.pixel_size} | settings
    checked = TrainSettings.checked(**settings)
    if checked.dimensions == 3 and pixel_size is not None:
        raise InvalidInput("a pixel size is for planes; give a voxel_size of three numbers.")
    preset = checked.preset if model is None else model.header.trained_preset
    if checked.dimensions == 2:
        image_list, label_list, newest, places = read_around_strokes(
            image_list, label_list, newest, places, kind=checked.label_kind, reach=reach_of(preset)
        )
    dataset = make_dataset(
        image_list,
        label_list,
        checked,
        newest=newest,
        places=places,
        known=classes,
        model=model,
    )
    run = Run(
        dataset,
        checked,
        model,
        start=start,
        clock=clock,
        pixel_size=pixel_size or checked.voxel_size,
        pixel_unit=pixel_unit,
    )
    return run.events(should_stop)


def _as_list(arrays: Any) -> list[Any]:
    one = isinstance(arrays, np.ndarray | Cutout) or is_lazy(arrays)
    return [arrays] if one else list(arrays)


def train(
    images: Any,
    labels: Any,
    *,
    model: Model | None = None,
    classes: Sequence[ClassInfo] = (),
    newest: Sequence[np.ndarray] = (),
    places: Sequence[Place] = (),
    pixel_size: tuple[float, float] | None = None,
    pixel_unit: str | None = None,
    on_event: Callable[[TrainEvent], None] | None = None,
    **settings: Any,
) -> Model:
    """Train and return the model with the best weights.

    Parameters
    ----------
    images, labels, model, classes, newest, places, pixel_size, pixel_unit, **settings
        As for :func:`train_events`. Without ``seconds`` or ``steps`` it takes 60 s.
    on_event
        Called with each event; without it, notices become warnings.

    Raises
    ------
    InvalidInput, DeviceUnavailable
        As for :func:`train_events`.
    """
    for event in train_events(
        images,
        labels,
        model=model,
        classes=classes,
        newest=newest,
        places=places,
        pixel_size=pixel_size,
        pixel_unit=pixel_unit,
        **settings,
    ):
        if on_event is not None:
            on_event(event)
        elif isinstance(event, Notice):
            warnings.warn(event.text, stacklevel=2)
        if isinstance(event, Done):
            return event.model
    raise AssertionError("a training ends with Done")
