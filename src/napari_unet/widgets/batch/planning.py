"""Plans of batches, made beside the window, which would wait for file systems otherwise."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import BatchPlan, plan_items
from napari_unet.core.models.header import ModelHeader, digest_of
from napari_unet.core.prediction.tile_probabilities import Description


@dataclass(frozen=True)
class Wish:
    """What is to be planned.

    Attributes
    ----------
    candidates
        One a layer.
    header, model
        Of the model: description, and content of its file.
    folder
        For the results; ``None`` if they become layers.
    options
        How to segment.
    """

    candidates: tuple[Candidate, ...]
    header: ModelHeader
    model: bytes
    folder: Path | None
    options: BatchOptions


class BatchPlanner(QObject):
    """Makes one plan at a time; of several wishes meanwhile only the last is heard.

    Notes
    -----
    Signal: ``planned(BatchPlan)``, for the last wish alone.
    """

    planned = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: Wish | None = None
        self._running: Wish | None = None
        self._relay: _Relay | None = None

    def plan(self, wish: Wish | None) -> None:
        """Make a plan, or make none and forget an earlier wish."""
        self._wanted = wish
        if wish is not None and self._running is None:
            self._start(wish)

    def _start(self, wish: Wish) -> None:
        self._running = wish
        self._relay = relay = _Relay()
        relay.made.connect(self._on_made)
        threading.Thread(target=_plan, args=[wish, relay], name="batch-plan", daemon=True).start()

    def _on_made(self, wish: Wish, plan: BatchPlan) -> None:
        self._running = None
        if self._wanted is wish:
            self.planned.emit(plan)
        elif self._wanted is not None:
            self._start(self._wanted)


class _Relay(QObject):
    """Carries a plan to the main thread; it lives as long as the thread, the planner need not."""

    made = Signal(object, object)


def _plan(wish: Wish, relay: _Relay) -> None:
    described = Description(wish.header, digest_of(wish.model))
    plan = plan_items(wish.candidates, described, wish.folder, wish.options)
    relay.made.emit(wish, plan)
