"""Finds the cells of the chosen image, and finds them again with other settings."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.models.header import ModelHeader, header_of
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.errors import InvalidInput
from napari_unet.learner.remote_predictor import RemotePredictor
from napari_unet.session.session import Session
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.places import Key, all_keys, before, measure_of, place_of, spacing_of
from napari_unet.widgets.cells.preview import Sketch, sketch_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.cells.run import Found, Run, There
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.layers.model_match import size_match
from napari_unet.widgets.layers.picture import picture_of

_PAUSE_MS = 400  # without another setting, before more than the view is found again


class CellFinding(QObject):
    """Predicts, finds and measures beside the window.

    One bench works on all of it, the other on the view alone, so that neither waits for the other.
    Signals: ``progressed(fraction)``, and ``ended(text)`` with a sentence if there is something to
    say.
    """

    progressed = Signal(float)
    ended = Signal(str)

    def __init__(
        self,
        book: CellBook,
        session: Session,
        bench: Bench,
        quick: Bench,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._book, self._session = book, session
        self._bench, self._quick = bench, quick
        self._run: Run | None = None
        self._sketch = 0
        self._sketched: tuple[CellRecord, Key] | None = None
        self._wanted: tuple[InstanceSettings, bool] | None = None
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS, timeout=self._find_again)
        book.record_changed.connect(self._on_record_changed)
        self._on_record_changed()

    @property
    def running(self) -> bool:
        """Whether all cells are looked for, with the model or with other settings."""
        return self._run is not None

    @property
    def predicting(self) -> bool:
        """Whether cells are looked for with the model."""
        return self._run is not None and self._run.predictor is not None

    @property
    def settled(self) -> bool:
        """Whether what the layer shows is what was found."""
        return self._run is None and not self._timer.isActive() and self._sketched is None

    def find(
        self, image: Image, keys: Sequence[Key], settings: InstanceSettings, *, linked: bool
    ) -> None:
        """Find the cells of some places with the model in use; corrections there are lost.

        ``InvalidInput`` or ``UnwritableOutput`` if there is no model, or no room.
        """
        model = self._session.model
        if model is None:
            raise InvalidInput("there is no model yet; train one or open a saved one.")
        self.stop()
        header = header_of(model)
        record = self._book.begin(image, header)
        predictor = RemotePredictor(self._session, header, model)
        self._start(self._make_run(record, keys, header, settings, linked, predictor))

    def stop(self) -> None:
        """End what is under way at once; places that are ready stay."""
        self._give_up_sketch()
        if self._run is not None:
            self._bench.drop()
            self._run = None
            self.ended.emit("Stopped; what was ready stays.")

    def _give_up_sketch(self) -> None:
        """Look for no more than what is under way, and show again what is known."""
        self._timer.stop()
        self._sketch += 1
        if self._sketched is None:
            return
        record, key = self._sketched
        self._sketched = None
        if key in record.seen and self._book.is_current(record):
            self._book.write(record, key, record.seen[key])

    def reconsider(self, settings: InstanceSettings, *, linked: bool) -> None:
        """Find cells with other settings in probabilities that are there: in view at once."""
        record, key = self._book.record, self._book.current
        if self.predicting:
            self._wanted = settings, linked
            return
        if record is None or key is None or not record.probabilities:
            return
        if record.corrections:
            self.ended.emit("Cells were corrected; press Find cells to find them anew, without.")
            return
        if self._run is not None:
            self._bench.drop()
            self._run = None
        self._wanted = settings, linked
        self._timer.start()
        sketch = sketch_of(record, key, settings, self._book.viewer)
        if sketch is not None:
            self._sketch += 1
            then = partial(self._on_sketched, self._sketch, record, sketch)
            self._quick.do(sketch, then, self.ended.emit, kind="sketch")

    def _on_record_changed(self) -> None:
        """Measure cells that are in a layer already, as of a dock that was closed."""
        self._give_up_sketch()
        image = self._book.image
        if image is None or self._book.record is not None:
            return
        record = self._book.adopt(image)
        if record is None:
            return
        size, unit = measure_of(image, record.ndim)
        for key in all_keys(image, record.ndim):
            there = There(record.ids(key), picture_of(image).piece(place_of(key)), size, unit)
            self._bench.do(there, partial(self._on_measured, record, key), self.ended.emit)

    def _on_measured(self, record: CellRecord, key: Key, table: dict[str, np.ndarray]) -> None:
        if self._book.is_current(record) and len(table["id"]):
            record.tables[key] = table
            self._book.measured.emit()

    def _find_again(self) -> None:
        record = self._book.record
        if record is None or record.header is None or self._wanted is None:
            return
        if record.corrections:
            self._give_up_sketch()
            return
        keys = [key for key in all_keys(record.image, record.ndim) if key in record.tables]
        settings, linked = self._wanted
        self._start(self._make_run(record, keys, record.header, settings, linked, None))

    def _make_run(
        self,
        record: CellRecord,
        keys: Sequence[Key],
        header: ModelHeader,
        settings: InstanceSettings,
        linked: bool,
        predictor: RemotePredictor | None,
    ) -> Run:
        image, ndim, there = record.image, record.ndim, frozenset(keys)
        pairs = ((key, before(image, key)) for key in keys if linked)
        earlier = {key: first for key, first in pairs if first is not None}
        size, unit = measure_of(image, ndim)
        self._wanted = settings, linked
        return Run(
            record=record,
            keys=tuple(keys),
            pieces={key: picture_of(image).piece(place_of(key)) for key in keys},
            header=header,
            settings=settings,
            linked=linked,
            factors=size_match(image, header)[0],
            spacing=spacing_of(image, ndim, header.pixel_size),
            size=size,
            unit=unit,
            used=record.highest(without=there),
            earlier=earlier,
            previous={
                key: np.array(record.ids(key))
                for key in earlier.values()
                if key not in there and key in record.tables
            },
            kept=dict(record.probabilities),
            predictor=predictor,
        )

    def _start(self, run: Run) -> None:
        self._run = run
        self._bench.do(
            lambda worker: run(
                worker, partial(self._on_progressed, run), partial(self._on_found, run)
            ),
            partial(self._on_ended, run),
            partial(self._on_failed, run),
        )
        self.progressed.emit(0.0)

    def _on_progressed(self, run: Run, fraction: float) -> None:
        if run is self._run:
            self.progressed.emit(fraction)

    def _on_found(self, run: Run, found: Found) -> None:
        record = run.record
        if run is not self._run:
            return
        if not self._book.is_current(record):
            self.stop()
            return
        if self._sketched is not None and self._sketched[1] == found.key:
            self._sketched = None
        self._sketch += 1
        if found.probabilities is not None and run.predictor is not None:
            record.keep(found.key, found.probabilities)
        record.labels[found.key] = found.labels
        record.place_found(found.key, found.table, found.classes, found.smaller)
        self._book.show_found(record, found.key, found.ids)
        self._book.measured.emit()

    def _on_ended(self, run: Run, left_out: int) -> None:
        if run is not self._run:
            return
        self._run, self._sketched = None, None
        text = ""
        if left_out:
            text = f"{left_out} planes keep their cells; press Find cells for those."
        self.ended.emit(text)
        if self._wanted is not None and self._wanted != (run.settings, run.linked):
            settings, linked = self._wanted
            self.reconsider(settings, linked=linked)

    def _on_failed(self, run: Run, text: str) -> None:
        if run is self._run:
            self._run, self._sketched = None, None
            self.ended.emit(text)

    def _on_sketched(
        self, number: int, record: CellRecord, sketch: Sketch, ids: np.ndarray
    ) -> None:
        if number != self._sketch or not self._book.is_current(record):
            return
        record.seen.setdefault(sketch.key, np.array(record.ids(sketch.key)))
        record.found.setdefault(sketch.key, record.seen[sketch.key])
        self._sketched = record, sketch.key
        record.ids(sketch.key)[sketch.box] = ids
        record.layer.refresh(extent=False)
