"""What a batch does beside the window."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np

from napari_unet.core.batch.plan import BatchPlan
from napari_unet.core.batch.report import REPORT_NAME, ReportFile, write_fields
from napari_unet.core.batch.run import BatchEvent, ItemEnded, ItemProgress, ItemStarted, run_batch
from napari_unet.core.images.cutout import is_large
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.pyramid import pyramid_of
from napari_unet.core.io.result import Result, Saved
from napari_unet.core.io.scratch import zeros
from napari_unet.core.segmentation.segment import Opener
from napari_unet.errors import InvalidInput, UserError
from napari_unet.learner.remote_predictor import RemotePredictor
from napari_unet.widgets.batch.wording import REMOVED
from napari_unet.widgets.desk.background import Worker

Held = tuple[Result, list[np.ndarray]]
_SECONDS_BETWEEN_PROGRESS = 0.1


class BatchWork:
    """One run over a plan: reads, waits for the learner, and writes.

    Results go to files, or are held here until somebody takes them. ``predictor`` makes the
    predictor; it is given a function to call now and then. ``happened`` is told events in the main
    thread.
    """

    def __init__(
        self,
        plan: BatchPlan,
        folder: Path | None,
        predictor: Callable[[Callable[[], None]], RemotePredictor],
        happened: Callable[[BatchEvent], None],
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._predictor = predictor(self._check)
        self._happened = happened
        self._held: dict[tuple[int, Saved], Held] = {}
        self._removed: set[int] = set()
        self._current = -1
        self._told = 0.0
        self._problem = ""
        self._ended: list[ItemEnded] = []

    def remove(self, number: int) -> None:
        """Give up an item of the plan whose layer is gone."""
        self._removed.add(number)

    def take(self, number: int) -> dict[Saved, Held]:
        """Return what is held of an item's results, which then is not held any longer."""
        wanted = self._plan.options.save
        found = {what: self._held.pop((number, what), None) for what in wanted}
        return {what: held for what, held in found.items() if held is not None}

    def _check(self) -> None:
        if self._current in self._removed:
            raise InvalidInput(REMOVED)

    def __call__(self, worker: Worker) -> str:
        """Do it; return a sentence if there is no report."""
        worker.on_stop(self._predictor.stop)
        with self._report_file() as file:
            report = self._begun(file)
            for event in self._events(worker):
                if isinstance(event, ItemEnded):
                    self._ended.append(event)
                if isinstance(event, ItemEnded) and report is not None:
                    try:
                        report.add(event)
                    except OSError as error:
                        self._problem, report = self._why_no_report(error), None
                if self._is_news(event):
                    worker.tell(partial(self._happened, event))
        if self._folder is not None and self._plan.options.measure:
            self._write_fields(self._folder)
        return self._problem

    def _write_fields(self, folder: Path) -> None:
        try:
            write_fields(folder / REPORT_NAME, self._ended)
        except UserError as error:
            self._problem = str(error)

    def _events(self, worker: Worker) -> Iterator[BatchEvent]:
        for event in run_batch(
            self._predictor,
            self._plan,
            predictor=self._predictor,
            find_objects=worker.finder,
            openers=self._openers if self._folder is None else None,
            stop=lambda: self._predictor.stopped,
        ):
            if isinstance(event, ItemStarted):
                self._current = event.number
            yield event

    def _is_news(self, event: BatchEvent) -> bool:
        """Tell whether the window need hear of it: of progress only now and then."""
        now = time.monotonic()
        if not isinstance(event, ItemProgress):
            return True
        if event.fraction < 1 and now - self._told < _SECONDS_BETWEEN_PROGRESS:
            return False
        self._told = now
        return True

    @contextmanager
    def _report_file(self) -> Iterator[TextIO | None]:
        """Open the report, if there is to be one and it can be written."""
        file: TextIO | None = None
        if self._folder is not None:
            try:
                path = make_folder(self._folder) / REPORT_NAME
                file = open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115
            except UserError as error:
                self._problem = str(error)
            except OSError as error:
                self._problem = self._why_no_report(error)
        try:
            yield file
        finally:
            if file is not None:
                with suppress(OSError):  # what cannot be written at its end was told before
                    file.close()

    def _begun(self, file: TextIO | None) -> ReportFile | None:
        """Begin the report, if there is one and its first line can be written."""
        try:
            return None if file is None else ReportFile(file)
        except OSError as error:
            self._problem = self._why_no_report(error)
            return None

    def _why_no_report(self, error: OSError) -> str:
        return (
            f"the report {REPORT_NAME} cannot be written ({error.strerror or error}); make room, "
            "or choose another folder."
        )

    def _openers(self, number: int) -> Mapping[Saved, Opener]:
        return {what: partial(self._hold, number, what) for what in self._plan.options.save}

    @contextmanager
    def _hold(self, number: int, what: Saved, result: Result) -> Iterator[np.ndarray]:
        array = zeros(result.shape, result.dtype)
        yield array
        levels = pyramid_of(array) if is_large(array.shape) else [array]
        self._held[number, what] = result, levels
