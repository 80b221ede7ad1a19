"""The score of the training, or both scores of the live loop, drawn while it runs."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_unet.session.state import Curve
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.sections import wrapped_label

REPAINT_MS = 1000
LATEST = 5  # strokes that the share below the plot is the mean of
_HEIGHT = 150
_ON_DARK, _ON_LIGHT = ("#56B4E9", "#E69F00"), ("#0072B2", "#B8570A")  # score, new strokes
_TIP = "The score (intersection over union) should rise"
HELD_OUT = "IoU on held-out strokes of yours, which lie in clear places"
CORRECTIVE = "new strokes that were right already"
NOT_HELD_OUT = "IoU on training strokes (paint more strokes of each class to hold some out)"


class PlotPanel(QWidget):
    """A plot of the score, 0 to 1, against steps; the loss is in its tooltip.

    Of the live loop it shows, against seconds, also the share of each new stroke that had been
    predicted right before it was learnt.

    It is drawn again at most once a second, however fast the training goes: each drawing costs
    the window some milliseconds in which nobody can paint.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._viewer, self._session = desk.viewer, desk.session
        self.plot = self._make_plot()
        self.corrective_label = wrapped_label("corrective_label")
        self.score_label = wrapped_label("score_label")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.plot, self.corrective_label, self.score_label):
            layout.addWidget(widget)
        self._timer = QTimer(self, singleShot=True, interval=REPAINT_MS, timeout=self._draw)
        links = Connections(self)
        links.add(desk.session.curve_changed, self._on_curve_changed)
        links.add(desk.viewer.events.theme, self._on_theme_changed)
        self._on_theme_changed()

    def _make_plot(self) -> pg.PlotWidget:
        plot = pg.PlotWidget()
        plot.setObjectName("curve_plot")
        plot.setFixedHeight(_HEIGHT)
        plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        item = plot.getPlotItem()
        item.setContentsMargins(0, 8, 8, 0)
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.setYRange(0, 1, padding=0.02)
        self._scores = item.plot(symbol="o", symbolSize=5)
        self._corrective = item.plot(symbol="d", symbolSize=7)
        return plot

    def _on_curve_changed(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_theme_changed(self) -> None:
        theme = get_theme(self._viewer.theme)
        background = QColor(theme.background.as_hex())
        score, corrective = _ON_DARK if background.lightness() < 128 else _ON_LIGHT
        self.plot.setBackground(background)
        item = self.plot.getPlotItem()
        for name in ("left", "bottom"):
            item.getAxis(name).setPen(theme.text.as_hex())
            item.getAxis(name).setTextPen(theme.text.as_hex())
        item.setLabel("left", "IoU")
        self._scores.setPen(score, width=2)
        self._corrective.setPen(None)
        for points, color, label in (
            (self._scores, score, self.score_label),
            (self._corrective, corrective, self.corrective_label),
        ):
            points.setSymbolBrush(color)
            points.setSymbolPen(None)
            label.setStyleSheet(f"color: {color}")
        self._draw()

    def _draw(self) -> None:
        curve = self._session.curve
        self._scores.setData(*_columns(curve.scores))
        self._corrective.setData(*_columns(curve.corrective))
        self.plot.getPlotItem().setLabel("bottom", "seconds" if curve.live else "steps")
        self.plot.setToolTip(_tip(curve))
        self.corrective_label.setText(_corrective_text(curve))
        self.score_label.setText(_score_text(curve))


def _tip(curve: Curve) -> str:
    """Return the tooltip, with the latest loss."""
    if not curve.losses:
        return _TIP
    step, loss = curve.losses[-1]
    return f"{_TIP}\nStep {step}, loss {loss:.3f}"


def _corrective_text(curve: Curve) -> str:
    """Return what stands below the plot in the colour of new strokes."""
    if not curve.corrective:
        return ""
    latest = [share for _, share in curve.corrective[-LATEST:]]
    return f"{CORRECTIVE}: {np.mean(latest):.0%} (last {len(latest)})"


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
