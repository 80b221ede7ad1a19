"""The dock widget that segments every open image with one model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QLabel, QWidget

from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import BatchPlan, plan_items
from napari_unet.core.batch.report import counts
from napari_unet.core.batch.run import BatchEvent, ItemEnded, ItemNotice, ItemProgress, ItemStarted
from napari_unet.core.models.header import digest_of
from napari_unet.core.prediction.tile_probabilities import Description
from napari_unet.widgets.batch.folder_box import FolderBox
from napari_unet.widgets.batch.options_panel import BatchOptionsPanel
from napari_unet.widgets.batch.report_buttons import BatchEnd
from napari_unet.widgets.batch.result_layers import results_made_from
from napari_unet.widgets.batch.run import BatchRun
from napari_unet.widgets.batch.stack_files import apart_from, candidates_of
from napari_unet.widgets.batch.table import BatchTable
from napari_unet.widgets.batch.wording import fate_text, files_text, outcome_text
from napari_unet.widgets.common.model_row import ModelLine
from napari_unet.widgets.desk.background import Bench, Worker
from napari_unet.widgets.desk.shared import shared_by
from napari_unet.widgets.layers.readiness import NO_MODEL
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.connections import Connections, ended_with
from napari_unet.widgets.qt.docked import Docked
from napari_unet.widgets.qt.progress_bar import ProgressBar
from napari_unet.widgets.qt.sections import section, stack


class BatchSegment(Docked):
    """Says what will be done to each layer, does it, and says what became of each.

    ``session``: knows the model.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        shared = shared_by(napari_viewer, self)
        self.setObjectName("batch_segment")
        self.session = shared.session
        self._viewer = shared.viewer
        self._run = BatchRun(shared.viewer, shared.session, self)
        self._planner = Bench("batch-plan")  # file systems make it wait, not the window
        self._wish = 0  # of several while it plans only the last is heard
        # The layers of the plan, in its order; after them the box, as often as it has files.
        self._planned: tuple[Image | FolderBox, ...] = ()
        self._plan: BatchPlan | None = None
        self._told: list[str] = []  # what will be done, by the items of the plan
        self._outcomes: dict[int, str] = {}
        self._folder: Path | None = None  # of the run
        self._reported = False
        self.table = BatchTable(shared.viewer, shared.session)
        self.rest = FolderBox(shared.files)
        self.options = BatchOptionsPanel()
        self.end = BatchEnd()
        self._make_widgets()
        images = section(
            "Open images", ModelLine(shared.session), self.table, self.rest, self.summary, self.end
        )
        how = section("How", self.options, self._buttons())
        stack(self, images, how, stretch=images)
        self.table.changed.connect(self._replan)
        self.rest.changed.connect(self._on_rest_changed)
        self.options.changed.connect(self._forget_and_replan)
        ended_with(self, self._planner.close)
        self._run.happened.connect(self._on_happened)
        self._run.ended.connect(self._on_ended)
        Connections(self).add(shared.session.model_changed, self._forget_and_replan)
        self._replan()

    def _make_widgets(self) -> None:
        self.summary = QLabel(objectName="batch_summary", wordWrap=True)
        self.run_button = push_button("&Run", "batch_run_button", self._on_run_clicked)
        self.progress = ProgressBar("batch_progress", "How much of all pixels is done")

    def _buttons(self) -> QWidget:
        widget = QWidget()
        grid(widget, (self.run_button, self.progress)).setColumnStretch(1, 1)
        return widget

    def _forget_and_replan(self, *_: object) -> None:
        if not self._run.is_running:
            self.table.forget_reports()
            self._replan()

    def _on_rest_changed(self) -> None:
        if self.rest.folder is not None and self.options.folder is None:
            self.options.choose_folder(self.rest.usual_output)  # tells of a change
        else:
            self._replan()

    def _replan(self) -> None:
        """Say what there is to say at once, and let the plan be made beside the window."""
        if self._run.is_running:
            return
        self._reported = False
        self.end.hide()
        self._plan = None
        self._look_again()

    def event(self, event: QEvent) -> bool:
        """Look at files again when the window is come back to, which others may have changed."""
        if event.type() == QEvent.Type.WindowActivate and self._plan and not self._run.is_running:
            self.rest.forget()
            self._look_again()
        return super().event(event)

    def _look_again(self) -> None:
        self._wish += 1
        images, header, model = self.table.images, self.session.header, self.session.model
        options, ndim = self.options.options(), 2 if header is None else header.network.ndim
        checked = [image for image in images if self.table.is_checked(image)]
        to_layers = self.options.folder is None
        chosen = candidates_of(checked, ndim, by_file=not to_layers)
        if to_layers:
            chosen = tuple(
                (image, replace(candidate, layers=results_made_from(self._viewer, image)))
                for image, candidate in chosen
            )
        files, folder = self.rest.candidates(), self.options.folder
        chosen = apart_from(files, chosen)
        self._planned = (*(image for image, _ in chosen), *[self.rest] * len(files))
        if header is None or model is None:
            self.table.show_fates(dict.fromkeys(images, NO_MODEL))
        why_not = self._why_not_run(options, files=bool(files))
        if why_not or header is None or model is None:
            self._offer_run(why_not)
            return
        if self._plan is None:
            self.run_button.setEnabled(False)
            self.run_button.setToolTip("Looking at the images…")
        candidates, wish = tuple(c for _, c in chosen), self._wish

        def work(worker: Worker) -> BatchPlan:
            described = Description(header, digest_of(model))
            plan = plan_items(candidates, described, folder, options)
            if folder is None or not files:
                return plan
            outdated = lambda: worker.stopped or wish != self._wish  # noqa: E731
            rest = self.rest.plan(files, described, folder, options, outdated)
            return replace(plan, items=(*plan.items, *rest))

        self._planner.do(work, partial(self._on_planned, self._wish), self._offer_run, kind="plan")

    def _why_not_run(self, options: BatchOptions, *, files: bool) -> str:
        """Say why nothing can be segmented, before anything is looked at."""
        if self.session.header is None:
            return NO_MODEL
        if not self.table.images and not files:
            return "Open images first."
        if files and self.options.folder is None:
            return "Choose a folder for the results: those of files are files too."
        if not options.save:
            return "Choose what to save: labels, probabilities or instances."
        return "" if self._planned else "Check at least one image."

    def _offer_run(self, why_not: str, summary: str = "") -> None:
        if not self._reported:
            self.summary.setText(why_not or summary)
        self.run_button.setEnabled(not why_not)
        self.run_button.setToolTip(why_not or "Segment the checked layers, all of each")

    def _on_planned(self, wish: int, plan: BatchPlan) -> None:
        if self._run.is_running or wish != self._wish:
            return
        fates = self._fates(plan)
        if self._plan is not None and fates != self._told:
            self.table.forget_reports()  # files were changed since
            self.end.hide()
            self._reported = False
        self._plan = plan
        self._told = fates
        self._show(self._by_layer(fates))
        left_out = len(self.table.images) - len(set(self._planned) - {self.rest})
        said = f" {left_out} left out." if left_out else ""
        why_not = "" if plan.to_run else f"{plan.summary}{said}"
        self._offer_run(why_not, f"{plan.summary}{said}")

    def _show(self, fates: dict[Image | FolderBox, str]) -> None:
        """Write what will be done, each where it belongs."""
        self.rest.say(fates.pop(self.rest, ""))
        self.table.show_fates({x: text for x, text in fates.items() if isinstance(x, Image)})

    def _by_layer(self, texts: Sequence[str]) -> dict[Image | FolderBox, str]:
        """Return one text a layer of those of the plan's items: of files each with its name."""
        several = Counter(self._planned)
        found: dict[Image | FolderBox, list[str]] = {}
        for image, text in zip(self._planned, texts, strict=True):
            found.setdefault(image, []).append(text)
        return {
            image: lines[0] if several[image] == 1 else files_text(lines)
            for image, lines in found.items()
        }

    def _fates(self, plan: BatchPlan) -> list[str]:
        header = self.session.header
        ndim = 2 if header is None else header.network.ndim
        several = Counter(self._planned)
        return [
            # Of many files it is counted, and each sentence has a name in it.
            item.group if item.action == "refused" and several[owner] > 1 else fate_text(item, ndim)
            for owner, item in zip(self._planned, plan.items, strict=True)
        ]

    def _on_run_clicked(self) -> None:
        if self._run.is_running:
            self.run_button.setText("Stopping…")
            self.run_button.setEnabled(False)
            self._run.stop()
        elif self._plan is not None:
            plan, self._folder = self._plan, self.options.folder
            self._reported = False
            self.end.hide()
            self.table.freeze(True)
            self.table.forget_reports()
            runs = [item.action == "run" for item in plan.items]
            fates = ["waiting" if run else fate for run, fate in zip(runs, self._told, strict=True)]
            for image, fate in self._by_layer(fates).items():
                if isinstance(image, Image):
                    self.table.report(image, fate)
            self.rest.begin()
            self._outcomes = dict(enumerate(fates))
            self.options.setEnabled(False)
            self.run_button.setText("&Stop")
            self.run_button.setToolTip("End the run; what is ready stays")
            self.summary.setText(plan.summary)
            self._run.start(plan, self._planned, self._folder)

    def _on_happened(self, number: int, event: BatchEvent) -> None:
        image = self._planned[number]
        if isinstance(event, ItemProgress):
            self.progress.show_share(event.overall)
        if isinstance(image, FolderBox):
            if isinstance(event, ItemEnded):
                image.report(event)
            return
        match event:
            case ItemStarted():
                self.table.report(image, "segmenting")
            case ItemProgress(fraction=fraction):
                self.table.report(image, f"segmenting, {fraction:.0%}")
            case ItemNotice(text=text):
                self.table.report(image, f"segmenting: {text}")
            case ItemEnded():
                self._outcomes[number] = outcome_text(event)
                texts = [self._outcomes[number] for number in sorted(self._outcomes)]
                self.table.report(image, self._by_layer(texts)[image])

    def _on_ended(self, items: list[ItemEnded], problem: str) -> None:
        self.run_button.setText("&Run")
        self.options.setEnabled(True)
        self.progress.clear()
        self._reported = True
        self.summary.setText(f"{counts(items)} {problem}".strip())
        self.end.offer(items, self._folder, written=self._folder is not None and not problem)
        self._plan = None
        self.rest.end(self._folder)
        self.table.freeze(False)
        self._look_again()
