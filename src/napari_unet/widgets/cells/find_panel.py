"""Buttons that find cells, and the parameters that can be changed afterwards."""

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QMessageBox,
    QSpinBox,
    QWidget,
)

from napari_unet.core.objects.label_instances import DEFAULTS, smaller_said
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.errors import Level
from napari_unet.session.session import Session
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.finding import CellFinding
from napari_unet.widgets.cells.places import Key, all_keys, current_key, has_several, time_axis
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.model_match import size_match
from napari_unet.widgets.layers.readiness import why_not_segment
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.progress_bar import ProgressBar
from napari_unet.widgets.qt.sections import wrapped_label

_NO_TIME = "The image has no axis of time; say so under Annotate and train if one of them is."


class CellFindPanel(QWidget):
    """Find cells here or everywhere, Stop, and the four parameters."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        choice: Choice,
        book: CellBook,
        finding: CellFinding,
    ) -> None:
        super().__init__()
        self._viewer, self._session, self._choice = viewer, session, choice
        self._book, self._finding = book, finding
        self._make_buttons()
        self._make_parameters()
        self._lay_out()
        Connections(self).add(session.model_changed, self._update)
        choice.image_changed.connect(self._update)
        choice.image_retaken.connect(self._update)
        choice.image_measured.connect(self._update)
        book.record_changed.connect(self._on_record_changed)
        book.measured.connect(self._say_count)
        finding.progressed.connect(self._on_progressed)
        finding.ended.connect(self._on_ended)
        self._update()

    def _make_buttons(self) -> None:
        self.here_button = push_button("&Find cells", "find_cells_button", self._on_here_clicked)
        self.all_button = push_button(
            "On &all planes", "find_all_cells_button", self._on_all_clicked
        )
        self.linked = QCheckBox("Follow cells over time", objectName="linked_check")
        self.linked.toggled.connect(self._on_changed)
        self.progress = ProgressBar("cells_progress", "How many of the planes are done")
        self.stop_button = push_button("Stop", "stop_cells_button", self._finding.stop)
        self.stop_button.setToolTip("End it; planes that are ready stay")
        self.status = wrapped_label("cells_status")

    def _make_parameters(self) -> None:
        self.threshold = QDoubleSpinBox(objectName="threshold_spin")
        self.threshold.setRange(0.01, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setToolTip(
            "Probability from which on a pixel belongs to a cell; higher makes cells smaller"
        )
        self.smallest = QSpinBox(objectName="smallest_spin")
        self.smallest.setRange(1, 1_000_000)
        self.smallest.setSingleStep(10)
        self.smallest.setSuffix(" px")
        self.smallest.setToolTip("Pixels that a cell has at least; smaller ones are dropped")
        self.neck = QDoubleSpinBox(objectName="neck_spin")
        self.neck.setRange(0.0, 0.99)
        self.neck.setSingleStep(0.05)
        self.neck.setToolTip(
            "Lower if single cells are cut in two, higher if touching cells stay together; 0 never "
            "cuts"
        )
        self.border = QCheckBox("Cells at the border", objectName="border_check")
        self.border.setToolTip("Keep cells that the border of the image cuts")
        self.show_settings(DEFAULTS)
        for box, width in ((self.threshold, 76), (self.smallest, 100), (self.neck, 76)):
            box.setMinimumWidth(width)
            box.valueChanged.connect(self._on_changed)
        self.border.toggled.connect(self._on_changed)

    def _lay_out(self) -> None:
        first, second = (self.here_button, self.all_button), (self.progress, self.stop_button)
        layout = grid(self, first, second, (self.status,))
        fields = QGridLayout()  # in two forms side by side the labels would be cut in a narrow dock
        fields.setHorizontalSpacing(4)
        for row, column, text, box in (
            (0, 0, "Threshold", self.threshold),
            (1, 0, "Ignore smaller than", self.smallest),
            (0, 2, "Split touching", self.neck),
        ):
            label = QLabel(text)
            label.setBuddy(box)
            fields.addWidget(label, row, column)
            fields.addWidget(box, row, column + 1)
            fields.setColumnStretch(column + 1, 1)
        fields.addWidget(self.border, 1, 2, 1, 2)
        layout.addLayout(fields, 3, 0, 1, 2)
        layout.addWidget(self.linked, 4, 0, 1, 2)

    @property
    def settings(self) -> InstanceSettings:
        """How cells are found."""
        return InstanceSettings(
            threshold=self.threshold.value(),
            smallest=self.smallest.value(),
            neck=self.neck.value(),
            border_objects=self.border.isChecked(),
        )

    def show_settings(self, settings: InstanceSettings) -> None:
        """Show others."""
        self.threshold.setValue(settings.threshold)
        self.smallest.setValue(settings.smallest)
        self.neck.setValue(settings.neck)
        self.border.setChecked(settings.border_objects)

    def _on_here_clicked(self) -> None:
        image, header = self._choice.image, self._session.header
        if image is not None and header is not None:
            point = self._viewer.dims.point
            self._find([current_key(image, point, header.network.ndim)])

    def _on_all_clicked(self) -> None:
        image, header = self._choice.image, self._session.header
        if image is not None and header is not None:
            self._find(all_keys(image, header.network.ndim))

    def _find(self, keys: Sequence[Key]) -> None:
        image, header = self._choice.image, self._session.header
        if (
            image is None
            or header is None
            or not self._may_lose_corrections(image, keys, header.network.ndim)
        ):
            return
        with errors_shown():
            self._finding.find(image, keys, self.settings, linked=self._is_linked())
            said = size_match(image, header)[1]
            if said is not None:
                self._session.said.emit(Level.INFO, f"{image.name}: {said}")
        self._update()

    def _may_lose_corrections(self, image: Image, keys: Sequence[Key], ndim: int) -> bool:
        if not self._book.would_lose(image, keys, ndim):
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Find cells anew",
            "Cells were corrected; finding them anew drops the corrections. Go on?",
            buttons.Discard | buttons.Cancel,
            buttons.Cancel,
        )
        return bool(answer == buttons.Discard)

    def _is_linked(self) -> bool:
        return self.linked.isEnabled() and self.linked.isChecked()

    def _on_changed(self, *_: object) -> None:
        self._finding.reconsider(self.settings, linked=self._is_linked())
        self._update()

    def _on_record_changed(self) -> None:
        self._say_count()
        self._update()

    def _on_progressed(self, fraction: float) -> None:
        self.progress.show_share(fraction)
        if not self.stop_button.isVisibleTo(self):
            self._update()

    def _on_ended(self, text: str) -> None:
        self._update()
        if text:
            self.status.setText(text[:1].upper() + text[1:])
        else:
            self._say_count()

    def _say_count(self) -> None:
        record, key = self._book.record, self._book.current
        if record is None or key is None:  # why nothing can be found yet stands here
            reason = why_not_segment(self._choice.image, self._session.header) or ""
            self.status.setText(reason[:1].upper() + reason[1:])
            return
        here = len(record.tables[key]["id"]) if key in record.tables else 0
        total = sum(len(table["id"]) for table in record.tables.values())
        smaller = sum(record.smaller.values())
        if not total and smaller:
            self.status.setText(f"{smaller_said(smaller, self.smallest.value())}.")
            return
        text = f"{total:,} cells"
        if len(record.tables) > 1:
            text += f" on {len(record.tables)} planes, {here:,} on this one"
        self.status.setText(f"{text}.")

    def _update(self, *_: object) -> None:
        image, running = self._choice.image, self._finding.running
        reason = why_not_segment(image, self._session.header)
        if self._finding.predicting:
            reason = "Cells are being looked for; stop it or wait for it."
        header = self._session.header
        several = False
        if image is not None and header is not None and reason is None:
            several = has_several(image, header.network.ndim)
        if self._book.record is None and not running:
            self._say_count()
        self.here_button.setEnabled(reason is None)
        self.here_button.setToolTip(reason or "Find the cells of what is looked at, all of it")
        self.all_button.setEnabled(several)
        self.all_button.setToolTip(
            reason or ("Find the cells of every plane" if several else "There is only one plane.")
        )
        has_time = image is not None and time_axis(image) is not None
        self.linked.setEnabled(has_time)
        self.linked.setToolTip(
            "A cell keeps its id from one time to the next where it overlaps itself most"
            if has_time
            else _NO_TIME
        )
        self.progress.setVisible(running)
        self.stop_button.setVisible(running)
        if not running:
            self.progress.clear()
