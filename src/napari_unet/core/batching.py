"""Segmenting many images in one run: the engine of the shell's batch, free of any window."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from napari_unet.core.batch_plan import BatchOptions, BatchPlan, PlannedItem, open_for
from napari_unet.core.device import free_memory, is_out_of_memory
from napari_unet.core.events import Notice
from napari_unet.core.files import make_folder
from napari_unet.core.model import Model
from napari_unet.core.segmenting import segment
from napari_unet.core.source_plane import reason_of
from napari_unet.errors import UserError

Status = Literal["done", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class ItemStarted:
    """An image is being segmented.

    Attributes
    ----------
    number
        Of the item in the plan, from 0.
    """

    number: int


@dataclass(frozen=True)
class ItemProgress:
    """A tile is ready.

    Attributes
    ----------
    number
        Of the item.
    fraction, overall
        Share of the image, and of all pixels of the batch, that is ready.
    """

    number: int
    fraction: float
    overall: float


@dataclass(frozen=True)
class ItemNotice:
    """Something to be known of an image while it is segmented.

    Attributes
    ----------
    number
        Of the item.
    text
        What.
    """

    number: int
    text: str


@dataclass(frozen=True)
class ItemEnded:
    """What became of an image.

    Attributes
    ----------
    number, item
        Of the plan.
    status
        ``"done"``, ``"skipped"`` (its results were there), ``"failed"`` or ``"stopped"``.
    sentence
        Why, or what is to be known of it.
    seconds
        How long it took.
    """

    number: int
    item: PlannedItem
    status: Status
    sentence: str
    seconds: float = 0.0

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The results that are there."""
        there = self.status in ("done", "skipped")
        return tuple(self.item.outputs.values()) if there else ()


BatchEvent = ItemStarted | ItemProgress | ItemNotice | ItemEnded


def run_batch(
    model: Model,
    plan: BatchPlan,
    *,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[BatchEvent]:
    """Segment the images of a plan one after the other; one that fails does not stop the others.

    Parameters
    ----------
    model
        A trained model.
    plan
        See :func:`napari_unet.core.batch_plan.plan_batch`.
    device
        Where to compute.
    stop
        Asked after each tile; nothing is left of the image that is then being segmented, and what
        is ready stays. To close the generator does the same.

    Yields
    ------
    BatchEvent
        ``ItemEnded`` once for each item, in the plan's order.
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
            yield ItemEnded(number, item, "stopped", "the run was stopped before it.")
            continue
        start = time.monotonic()
        status: Status = "done"
        yield ItemStarted(number)
        with closing(segment_item(model, item, plan.options, device)) as parts:
            try:
                for event in parts:
                    if isinstance(event, str):
                        yield ItemNotice(number, event)
                        continue
                    overall = (ready + event * item.pixels) / total
                    yield ItemProgress(number, event, overall)
                    if event < 1 and stop():
                        stopped, status, said = True, "stopped", "the run was stopped in it."
                        break
            except Exception as error:  # whatever it is, the others must go on
                status, said = "failed", said_of(error, item)
                if is_out_of_memory(error):
                    free_memory(device)
        ready += item.pixels
        yield ItemEnded(number, item, status, said, time.monotonic() - start)


def segment_item(
    model: Model, item: PlannedItem, options: BatchOptions, device: torch.device
) -> Generator[float | str, None, None]:
    """Segment an image of a batch; yield the share that is ready, and what there is to say."""
    for path in item.outputs.values():
        make_folder(path.parent)
    with open_for(item.path, model.header, options) as source:
        parts = segment(
            model,
            source,
            item.outputs,
            device=device,
            channels=options.channels,
            level=item.level,
            factors=item.factors,
            tile=options.tile,
            measure=options.measure,
        )
        with closing(parts):
            for event in parts:
                yield event.text if isinstance(event, Notice) else event.fraction


def said_of(error: BaseException, item: PlannedItem) -> str:
    """Say in one sentence what went wrong with an image."""
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        return f"memory does not suffice for {item.path}; use tiles of 128 px or a free device."
    return f"{item.path} failed unexpectedly ({type(error).__name__}: {reason_of(error)})."
