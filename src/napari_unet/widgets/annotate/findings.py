"""Lines under Train and under Segment that say what was noticed; never a window of their own."""

from collections.abc import Iterator, Sequence

from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_unet.core.diagnosis import Finding, contradicting_pixels, of_contradiction, of_strokes
from napari_unet.core.images.cutout import is_large
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.image_marks import mark_in
from napari_unet.widgets.layers.strokes import can_be_painted, is_dressed, too_many
from napari_unet.widgets.layers.view import current_index
from napari_unet.widgets.qt.connections import Connections

_WAIT_MS = 700  # after the last stroke: a class that is being painted soon has more pixels


class _Findings(QLabel):
    """Shows findings one below the other; takes no room while there are none."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setVisible(False)

    def show_all(self, findings: Sequence[Finding]) -> None:
        """Show these instead of what is shown."""
        self.setText("\n".join(f"Note: {finding.text}" for finding in findings))
        self.setToolTip("\n".join(f"More: {finding.more}" for finding in findings))
        self.setVisible(bool(findings))


class StrokeFindings(_Findings):
    """What was noticed of the strokes, a moment after the last of them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("stroke_findings")
        self._viewer, self._session = desk.viewer, desk.session
        self._choice, self._watch = desk.choice, desk.watch
        self._timer = QTimer(self, singleShot=True, interval=_WAIT_MS, timeout=self._look)
        Connections(self).add(desk.session.classes_changed, self._look_soon)
        desk.choice.annotation_changed.connect(self._look_soon)
        desk.watch.changed.connect(self._look_soon)
        self._look_soon()

    def _look_soon(self, *_: object) -> None:
        self._timer.start()

    def _look(self) -> None:
        counts, annotation = self._watch.counts, self._choice.annotation
        if annotation is None or too_many(counts) or self._watch.doubt is not None:
            self.show_all(())
            return
        found = of_strokes(counts, self._session.classes)
        self.show_all((*found, *_contradictions(self._viewer, annotation)))


class ResultFindings(_Findings):
    """What was noticed of the last segmentation of the chosen image."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("result_findings")
        self._choice = desk.choice
        desk.predictions.judged.connect(self._on_judged)
        desk.choice.image_changed.connect(self._on_image_changed)
        desk.choice.image_retaken.connect(self._on_image_changed)

    def _on_judged(self, image: Image, findings: tuple[Finding, ...]) -> None:
        if image is self._choice.image:
            self.show_all(findings)

    def _on_image_changed(self, _image: Image | None) -> None:
        self.show_all(())


def _contradictions(viewer: ViewerModel, annotation: Labels) -> Iterator[Finding]:
    """Compare the strokes on the current plane with those of other layers of the same image."""
    own = mark_in(annotation)
    if own is None or is_large(annotation.data.shape):
        return
    index = current_index(annotation, viewer.dims.point)
    for other in viewer.layers:
        if (
            other is annotation
            or not can_be_painted(other)
            or not is_dressed(other)
            or other.data.shape != annotation.data.shape
            or (mark := mark_in(other)) is None
            or mark.id != own.id
        ):
            continue
        pixels = contradicting_pixels(annotation.data[index], other.data[index])
        yield from of_contradiction(
            pixels,
            f"“{annotation.name}”",
            f"“{other.name}”",
            used="Train learns the first alone; keep all strokes in one layer",
        )
