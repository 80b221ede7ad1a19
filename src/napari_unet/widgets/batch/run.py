"""Segments open layers, one after the other, beside the window."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

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
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.qt.connections import Connections, ended_with

_STOP_MS = 400
_QUIT_SECONDS = 2.0


class BatchRun(QObject):
    """A run over layers; one that fails or disappears is reported and skipped.

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
        self._images: tuple[object, ...] = ()
        self._header = session.header
        self._ends: dict[int, ItemEnded] = {}
        self._current = -1
        self._work: BatchWork | None = None
        self._bench = Bench("batch-run")
        Connections(self).add(viewer.layers.events.removed, self._on_layer_removed)
        ended_with(self, partial(self._bench.close, _QUIT_SECONDS))

    @property
    def is_running(self) -> bool:
        """Whether layers are being segmented."""
        return self._plan is not None

    def start(self, plan: BatchPlan, images: Sequence[object], folder: Path | None) -> None:
        """Segment layers, or files, one an item of the plan, with the model in use.

        Results go to the files of the plan, or become layers where there is no folder.
        """
        model = self._session.model
        if model is None:
            return
        self._header = header_of(model)
        self._plan, self._images = plan, tuple(images)
        self._ends, self._current = {}, -1
        self._work = BatchWork(
            plan,
            folder,
            lambda check: RemotePredictor(self._session, header_of(model), model, check=check),
            self._on_happened,
        )
        self._bench.do(self._work, self._on_ended, self._on_ended)

    def stop(self) -> None:
        """End the run within half a second; layers that are ready stay."""
        self._bench.interrupt()
        QTimer.singleShot(_STOP_MS, partial(self._leave, self._plan))

    def _leave(self, plan: BatchPlan | None) -> None:
        """Go on without a thread that still reads or writes; it leaves nothing behind."""
        if plan is None or self._plan is not plan or self._bench.closed:
            return
        for number in self._open_items():
            said = STOPPED_IN if number == self._current else STOPPED_BEFORE
            self._end_item(ItemEnded(number, plan.items[number], "stopped", said))
        self._end("")

    def _open_items(self) -> list[int]:
        """Return which items of the plan have not ended."""
        items = () if self._plan is None else self._plan.items
        return [number for number in range(len(items)) if number not in self._ends]

    def _on_happened(self, event: BatchEvent) -> None:
        match event:
            case ItemEnded():
                self._end_item(event)
            case ItemStarted():
                self._current = event.number
                self.happened.emit(event.number, event)
            case ItemProgress() | ItemNotice():
                self.happened.emit(event.number, event)

    def _end_item(self, ended: ItemEnded) -> None:
        held = {} if self._work is None else self._work.take(ended.number)
        if held and ended.status == "done" and self._header is not None:
            image = self._images[ended.number]
            assert isinstance(image, Image), "results of files are files"
            try:
                places = add_results(self._viewer, image, held, self._header, self._session.classes)
                made_from = held[next(iter(places))][0].made_from
                item = replace(ended.item, outputs=places)
                ended = replace(ended, item=item, made_from=made_from)
            except UserError as error:
                ended = replace(ended, status="failed", sentence=str(error))
        self._ends[ended.number] = ended
        self.happened.emit(ended.number, ended)

    def _on_ended(self, problem: str) -> None:
        if self._plan is not None:
            for number in self._open_items():
                self._end_item(ItemEnded(number, self._plan.items[number], "failed", problem))
            self._end(problem)

    def _end(self, problem: str) -> None:
        self._plan = self._work = None
        self._bench.drop()
        self.ended.emit([self._ends[number] for number in sorted(self._ends)], problem)

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        for number, image in enumerate(self._images):
            if self._work is not None and image is removed:
                self._work.remove(number)
