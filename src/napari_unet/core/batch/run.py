"""Segmenting many images in one run: the engine of the shell's batch, free of any window."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import BatchPlan, PlannedItem
from napari_unet.core.events import Notice
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.result import MadeFrom, Saved
from napari_unet.core.objects.label_instances import FindObjects, label_instances
from napari_unet.core.objects.quantities import Row
from napari_unet.core.prediction.tile_probabilities import Described, Predictor
from napari_unet.core.segmentation.segment import Fields, Opener, Segmented, segment
from napari_unet.errors import Stopped, UserError, reason_of

if TYPE_CHECKING:
    import torch

Status = Literal["done", "skipped", "failed", "stopped"]
STOPPED_IN = "the run was stopped in it."
STOPPED_BEFORE = "the run was stopped before it."


@dataclass(frozen=True)
class ItemStarted:
    """An image is being segmented."""

    number: int


@dataclass(frozen=True)
class ItemProgress:
    """A tile is ready. Shares of the image, and of all pixels of the batch, that are ready."""

    number: int
    fraction: float
    overall: float


@dataclass(frozen=True)
class ItemNotice:
    """Something to be known of an image while it is segmented."""

    number: int
    text: str


@dataclass(frozen=True)
class ItemEnded:
    """What became of an image.

    ``"skipped"``: its results were there. The sentence says why, or what is to be known of it.
    ``made_from`` is what a result that is no file was made from, where that is known; ``fields``
    is what was measured of its planes or volumes in this run.
    """

    number: int
    item: PlannedItem
    status: Status
    sentence: str
    seconds: float = 0.0
    made_from: MadeFrom | None = None
    fields: tuple[Row, ...] = ()

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The results that are there."""
        there = self.status in ("done", "skipped")
        return tuple(self.item.outputs.values()) if there else ()


BatchEvent = ItemStarted | ItemProgress | ItemNotice | ItemEnded


def run_batch(
    model: Described,
    plan: BatchPlan,
    *,
    device: torch.device | None = None,
    predictor: Predictor | None = None,
    find_objects: FindObjects = label_instances,
    openers: Callable[[int], Mapping[Saved, Opener]] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[BatchEvent]:
    """Segment the images of a plan one after the other; one that fails does not stop the others.

    ``ItemEnded`` comes once for each item, in the plan's order. Where there is a predictor, the
    model's description is enough; device, predictor and who finds objects are as for
    :func:`napari_unet.core.segmentation.segment.segment`. ``openers`` give the arrays for the
    results of the item of a number, where they do not go to files. ``stop`` is asked after each
    tile and while results are written; nothing is left of the image that is then being segmented,
    and what is ready stays. To close the generator does the same.
    """
    total = max(1, sum(item.pixels for item in plan.to_run))
    ready = 0
    stopped = False
    for number, item in enumerate(plan.items):
        said = " ".join(item.sentences)
        if item.action != "run":
            yield ItemEnded(number, item, "skipped" if item.action == "done" else "failed", said)
            continue
        stopped = stopped or stop()
        if stopped:
            yield ItemEnded(number, item, "stopped", STOPPED_BEFORE)
            continue
        start = time.monotonic()
        status: Status = "done"
        fields: list[Row] = []
        yield ItemStarted(number)
        outputs = item.outputs if openers is None else openers(number)
        work = segment_item(
            model,
            item,
            plan.options,
            device,
            outputs=outputs,
            predictor=predictor,
            find_objects=find_objects,
            stop=stop,
        )
        with closing(work) as parts:
            try:
                for event in parts:
                    if isinstance(event, str):
                        yield ItemNotice(number, event)
                        continue
                    if isinstance(event, Fields):
                        fields = event.rows
                        continue
                    overall = (ready + event * item.pixels) / total
                    yield ItemProgress(number, event, overall)
                    if event < 1 and stop():
                        raise Stopped
            except Stopped:
                stopped, status, said = True, "stopped", STOPPED_IN
            except Exception as error:  # whatever it is, the others must go on
                status, said = "failed", said_of(error, item)
                _free_memory(error, device)
        ready += item.pixels
        seconds = time.monotonic() - start
        yield ItemEnded(number, item, status, said, seconds, fields=tuple(fields))


def segment_item(
    model: Described,
    item: PlannedItem,
    options: BatchOptions,
    device: torch.device | None = None,
    *,
    outputs: Mapping[Saved, Path | Opener] | None = None,
    predictor: Predictor | None = None,
    find_objects: FindObjects = label_instances,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[float | str | Fields, None, None]:
    """Segment an image of a batch; yield the share that is ready, and what there is to say.

    Results go to the item's outputs, unless others are given; see :func:`run_batch`.
    """
    places = item.outputs if outputs is None else outputs
    for place in places.values():
        if isinstance(place, Path):
            make_folder(place.parent)
    with item.candidate.open() as source:
        parts = segment(
            model,
            source,
            places,
            item.choices,
            device=device,
            predictor=predictor,
            find_objects=find_objects,
            stop=stop,
            tile=options.tile,
            measure=options.measure,
        )
        with closing(parts):
            for event in parts:
                match event:
                    case Notice(text=text):
                        yield text
                    case Segmented(fraction=fraction):
                        yield fraction
                    case Fields():
                        yield event


def _free_memory(error: Exception, device: torch.device | None) -> None:
    """Give the next image what memory there is, where it ran out."""
    if device is not None and is_memory_error(error):
        from napari_unet.core.network.device import free_memory  # is loaded already

        free_memory(device)


def said_of(error: BaseException, item: PlannedItem) -> str:
    """Say in one sentence what went wrong with an image; an error of ours goes to the log."""
    if isinstance(error, UserError):
        return str(error)
    if is_memory_error(error):
        return f"memory does not suffice for {item.name}; use tiles of 128 px or a free device."
    logging.getLogger(__name__).error("%s failed", item.name, exc_info=error)
    return f"{item.name} failed unexpectedly ({type(error).__name__}: {reason_of(error)})."


def is_memory_error(error: BaseException) -> bool:
    """Tell whether memory ran out; torch, which has errors of its own, is not loaded for that."""
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from napari_unet.core.network.device import is_out_of_memory

    return is_out_of_memory(error)
