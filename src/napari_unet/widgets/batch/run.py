"""Segments open layers, one after the other, beside the window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_unet.core.batch.plan import BatchPlan
from napari_unet.core.batch.run import (
    STOPPED_BEFORE,
    STOPPED_IN,
    BatchEvent,
    ItemEnded,
    ItemNotice,
    ItemProgress,
    ItemStarted,
)
from napari_unet.core.models.header import header_of
from napari_unet.errors import UserError
from napari_unet.learner.remote_predictor import RemotePredictor
from napari_unet.session.session import Session
from napari_unet.widgets.batch.result_layers import add_results
from napari_unet.widgets.batch.worker import BatchWork
from napari_unet.widgets.qt.connections import Connections, when_destroyed

_STOP_MS = 400


class BatchRun(QObject):
    """A run over layers; one that fails or disappears is reported and skipped.

    Notes
    -----
    Signals: ``happened(number, BatchEvent)`` in the plan's order of numbers, and, last,
    ``ended(list of ItemEnded, problem)``, where ``problem`` says why there is no report, or is
    empty.
    """

    happened = Signal(int, object)
    ended = Signal(object, str)

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._plan: BatchPlan | None = None
        self._images: tuple[Image, ...] = ()
        self._header = session.header
        self._ends: dict[int, ItemEnded] = {}
        self._current = -1
        self._works = _Works()
        Connections(self).add(viewer.layers.events.removed, self._on_layer_removed)
        when_destroyed(self, self._works.end)
        QCoreApplication.instance().aboutToQuit.connect(self._works.end)

    @property
    def is_running(self) -> bool:
        """Whether layers are being segmented."""
        return self._plan is not None

    def start(self, plan: BatchPlan, images: Sequence[Image], folder: Path | None) -> None:
        """Segment layers, one an item of the plan, with the model in use.

        Results go to the files of the plan, or become layers where there is no folder.
        """
        model = self._session.model
        if model is None:
            return
        self._header = header_of(model)
        self._plan, self._images = plan, tuple(images)
        self._ends, self._current = {}, -1
        work = BatchWork(
            plan,
            folder,
            lambda check: RemotePredictor(self._session, header_of(model), model, check=check),
        )
        work.happened.connect(self._on_happened)
        work.ended.connect(self._on_ended)
        self._works.begin(work)

    def stop(self) -> None:
        """End the run within half a second; layers that are ready stay."""
        work = self._works.current
        if work is not None:
            work.stop()
            QTimer.singleShot(_STOP_MS, partial(self._leave, work))

    def _leave(self, work: BatchWork) -> None:
        """Go on without a thread that still reads or writes; it leaves nothing behind."""
        if self._works.current is not work or self._plan is None:
            return
        for number in self._open_items():
            said = STOPPED_IN if number == self._current else STOPPED_BEFORE
            self._end_item(ItemEnded(number, self._plan.items[number], "stopped", said), work)
        self._works.left.add(work)
        self._end("")

    def _open_items(self) -> list[int]:
        """Return which items of the plan have not ended."""
        items = () if self._plan is None else self._plan.items
        return [number for number in range(len(items)) if number not in self._ends]

    def _on_happened(self, work: BatchWork, event: BatchEvent) -> None:
        if work is not self._works.current:
            return
        match event:
            case ItemEnded():
                self._end_item(event, work)
            case ItemStarted():
                self._current = event.number
                self.happened.emit(event.number, event)
            case ItemProgress() | ItemNotice():
                self.happened.emit(event.number, event)

    def _end_item(self, ended: ItemEnded, work: BatchWork) -> None:
        held = work.take(ended.number)
        if held and ended.status == "done" and self._header is not None:
            image = self._images[ended.number]
            try:
                places = add_results(self._viewer, image, held, self._header, self._session.classes)
                made_from = held[next(iter(places))][0].made_from
                item = replace(ended.item, outputs=places)
                ended = replace(ended, item=item, made_from=made_from)
            except UserError as error:
                ended = replace(ended, status="failed", sentence=str(error))
        self._ends[ended.number] = ended
        self.happened.emit(ended.number, ended)

    def _on_ended(self, work: BatchWork, problem: str) -> None:
        self._works.left.discard(work)
        if work is self._works.current and self._plan is not None:
            for number in self._open_items():
                self._end_item(ItemEnded(number, self._plan.items[number], "failed", problem), work)
            self._end(problem)

    def _end(self, problem: str) -> None:
        self._plan = None
        self._works.current = None
        self.ended.emit([self._ends[number] for number in sorted(self._ends)], problem)

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        work = self._works.current
        for number, image in enumerate(self._images):
            if work is not None and image is removed:
                work.remove(number)


class _Works:
    """The work that goes on, and those that were left and have not ended yet."""

    def __init__(self) -> None:
        self.current: BatchWork | None = None
        self.left: set[BatchWork] = set()

    def begin(self, work: BatchWork) -> None:
        self.current = work
        work.start()

    def leave(self) -> None:
        """Stop what goes on, without waiting for it: the window goes on too."""
        work, self.current = self.current, None
        if work is not None:
            self.left = {work, *(left for left in self.left if left.is_running)}
            work.stop()

    def end(self) -> None:
        """Stop everything and wait a little, so that nothing half written is left."""
        self.leave()
        for work in self.left:
            with suppress(RuntimeError):
                work.end()
