"""How a dock widget puts its panels one below the other."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QGroupBox, QLabel, QScrollArea, QStyle, QVBoxLayout, QWidget


def wrapped_label(name: str) -> QLabel:
    """Return a label that keeps room for two lines, so that nothing moves when it needs them."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    label.setMinimumHeight(2 * label.fontMetrics().lineSpacing())
    return label


def section(title: str, *panels: QWidget) -> QGroupBox:
    """Return panels under a title."""
    box = QGroupBox(title)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(8, 4, 8, 6)
    layout.setSpacing(4)
    for panel in panels:
        layout.addWidget(panel)
    return box


def stack(dock: QWidget, *parts: QWidget, stretch: QWidget | None = None) -> None:
    """Put parts one below the other in a dock widget; a low window scrolls.

    ``stretch`` is the part that takes what height is left; none leaves it empty.
    """
    body = QWidget()
    inner = QVBoxLayout(body)
    inner.setContentsMargins(4, 4, 4, 4)
    inner.setSpacing(4)
    for part in parts:
        inner.addWidget(part, 1 if part is stretch else 0)
    if stretch is None:
        inner.addStretch(1)
    outer = QVBoxLayout(dock)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.addWidget(_Column(body))


class _Column(QScrollArea):
    """Scrolls up and down only, and is as wide as what is in it needs."""

    def __init__(self, body: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(body)
        self._fit_width()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow a change of what is inside."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            self._fit_width()
        return super().eventFilter(watched, event)

    def _fit_width(self) -> None:
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumWidth(self.widget().minimumSizeHint().width() + bar)
