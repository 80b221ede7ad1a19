"""Loss and score of the training, or both scores of the live loop, drawn while it runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from napari.components import ViewerModel
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.session.session import Session
from napari_unet.session.state import Curve
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.sections import wrapped_label

REPAINT_MS = 1000
LATEST = 5  # strokes that the share below the plot is the mean of
_HEIGHT = 150
_ON_DARK, _ON_LIGHT = ("#E69F00", "#56B4E9"), ("#B8570A", "#0072B2")  # of loss and score
HELD_OUT = "IoU on held-out strokes of yours, which lie in clear places"
CORRECTIVE = "new strokes that were right already"
NOT_HELD_OUT = "IoU on training strokes (paint more strokes of each class to hold some out)"


class PlotPanel(QWidget):
    """A plot with the loss on the left axis and the score, 0 to 1, on the right.

    Of the live loop it shows, instead of a loss, the share of each new stroke that had been
    predicted right before it was learnt, on the right axis too, against seconds.

    It is drawn again at most once a second, however fast the training goes: each drawing costs
    the window some milliseconds in which nobody can paint.
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self.plot = self._make_plot()
        self.loss_label = QLabel()
        self.loss_label.setObjectName("loss_label")
        self.score_label = wrapped_label("score_label")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.plot)
        layout.addWidget(self.loss_label)
        layout.addWidget(self.score_label)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REPAINT_MS)
        self._timer.timeout.connect(self._draw)
        links = Connections(self)
        links.add(session.curve_changed, self._on_curve_changed)
        links.add(viewer.events.theme, self._on_theme_changed)
        self._on_theme_changed()

    def _make_plot(self) -> pg.PlotWidget:
        plot = pg.PlotWidget()
        plot.setObjectName("curve_plot")
        plot.setFixedHeight(_HEIGHT)
        plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        plot.setToolTip("The loss should fall, the score (intersection over union) should rise")
        item = plot.getPlotItem()
        item.setContentsMargins(0, 8, 0, 0)
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.showAxis("right")
        self._losses = item.plot()
        self._scores = pg.PlotDataItem(symbol="o", symbolSize=5)
        self._score_view = pg.ViewBox(enableMouse=False, enableMenu=False)
        self._score_view.setYRange(0, 1, padding=0.02)
        self._score_view.setXLink(item)
        self._score_view.addItem(self._scores)
        self._corrective = pg.PlotDataItem(symbol="d", symbolSize=7)
        self._score_view.addItem(self._corrective)
        item.scene().addItem(self._score_view)
        item.getAxis("right").linkToView(self._score_view)
        item.vb.sigResized.connect(self._on_resized)
        return plot

    def _on_resized(self) -> None:
        self._score_view.setGeometry(self.plot.getPlotItem().vb.sceneBoundingRect())

    def _on_curve_changed(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_theme_changed(self) -> None:
        theme = get_theme(self._viewer.theme)
        background = QColor(theme.background.as_hex())
        loss, score = _ON_DARK if background.lightness() < 128 else _ON_LIGHT
        self.plot.setBackground(background)
        item = self.plot.getPlotItem()
        for name, color in (("left", loss), ("right", score), ("bottom", theme.text.as_hex())):
            item.getAxis(name).setPen(color)
            item.getAxis(name).setTextPen(color)
        item.setLabel("right", "IoU", color=score)
        self._loss_color = loss
        self._losses.setPen(loss)
        self._scores.setPen(score, width=2)
        self._scores.setSymbolBrush(score)
        self._scores.setSymbolPen(None)
        self._corrective.setPen(None)
        self._corrective.setSymbolBrush(loss)
        self._corrective.setSymbolPen(None)
        self.loss_label.setStyleSheet(f"color: {loss}")
        self.score_label.setStyleSheet(f"color: {score}")
        self._draw()

    def _draw(self) -> None:
        curve = self._session.curve
        self._losses.setData(*_columns(curve.losses))
        self._scores.setData(*_columns(curve.scores))
        self._corrective.setData(*_columns(curve.corrective))
        item = self.plot.getPlotItem()
        item.showAxis("left", not curve.live)
        item.setLabel("bottom", "seconds" if curve.live else "")
        if curve.live:  # nothing is on the left axis, by which the range would be chosen
            last = max((at for at, _ in (*curve.scores, *curve.corrective)), default=1.0)
            item.setXRange(0, last)
        else:
            item.setLabel("left", "loss", color=self._loss_color)
            item.enableAutoRange("x")
        self.loss_label.setText(_left_text(curve))
        self.score_label.setText(_score_text(curve))


def _left_text(curve: Curve) -> str:
    """Return what stands below the plot in the colour of its left curve."""
    if curve.losses:
        step, loss = curve.losses[-1]
        return f"step {step}, loss {loss:.3f}"
    if curve.corrective:
        latest = [share for _, share in curve.corrective[-LATEST:]]
        return f"{CORRECTIVE}: {np.mean(latest):.0%} (last {len(latest)})"
    return ""


def _score_text(curve: Curve) -> str:
    """Return what stands below the plot in the colour of the score."""
    if not curve.scores:
        return ""
    name = HELD_OUT if curve.held_out else NOT_HELD_OUT
    return f"{name}: {curve.scores[-1][1]:.2f}"


def _columns(points: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return (step or second, value) pairs as two columns."""
    table = np.array(points, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]
