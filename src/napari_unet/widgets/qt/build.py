"""Buttons, and widgets laid out without margins of their own."""

from collections.abc import Callable

from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QFormLayout, QGridLayout, QPushButton, QVBoxLayout, QWidget


def push_button(text: str, name: str, clicked: Callable[..., object]) -> QPushButton:
    """Return a button."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.clicked.connect(clicked)
    return button


def swatch(color: str) -> QIcon:
    """Return a square of a colour, ``#RRGGBB``."""
    pixmap = QPixmap(16, 16)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)


def column(parent: QWidget, *widgets: QWidget, spacing: int = 4) -> QVBoxLayout:
    """Put widgets one below the other."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def grid(parent: QWidget, *rows: tuple[QWidget, ...]) -> QGridLayout:
    """Put widgets in rows; the last of a row takes what columns are left."""
    layout = QGridLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(4)
    columns = max(map(len, rows), default=0)
    for row, widgets in enumerate(rows):
        for at, widget in enumerate(widgets):
            span = columns - at if widget is widgets[-1] else 1
            layout.addWidget(widget, row, at, 1, span)
    return layout


def form_layout(parent: QWidget | None = None) -> QFormLayout:
    """Return rows of a label and a widget that grows."""
    layout = QFormLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout
