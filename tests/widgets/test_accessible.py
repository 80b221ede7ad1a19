"""Everything in the docks that can be used says what it is for."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import add_strokes, paint_two_classes
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.cells.dock import Cells

KINDS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)


def is_part_of_another(widget: QWidget, dock: QWidget) -> bool:
    """Tell the insides of a control, such as the field of a spin box, from a control."""
    parent = widget.parent()
    while parent is not None and parent is not dock:
        if isinstance(parent, (QAbstractItemView, QAbstractSpinBox, QComboBox)):
            return True
        parent = parent.parent()
    return False


def controls(dock: QWidget) -> list[QWidget]:
    return [
        widget
        for kind in KINDS
        for widget in dock.findChildren(kind)
        if not isinstance(widget, QScrollBar)
        and not widget.objectName().startswith("qt_")
        and not is_part_of_another(widget, dock)
    ]


def named(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.objectName()!r}"


@pytest.fixture(params=[AnnotateAndTrain, BatchSegment, Cells])
def dock(request, make_viewer, learners):
    viewer = make_viewer()
    image = viewer.add_image(np.zeros((3, 32, 40), np.float32), name="cells")
    paint_two_classes(add_strokes(viewer, image))
    widget = request.param(viewer)
    viewer.window.add_dock_widget(widget, name="dock")
    return widget


def test_each_control_has_a_tooltip(dock):
    found = controls(dock)
    assert len(found) > 5
    assert [named(widget) for widget in found if not widget.toolTip()] == []


def test_each_control_without_a_text_of_its_own_has_a_name_for_those_who_do_not_see_it(dock):
    silent = [widget for widget in controls(dock) if not getattr(widget, "text", str)()]
    silent += [w for w in controls(dock) if isinstance(w, (QAbstractSpinBox, QLineEdit))]
    labelled = {label.buddy() for label in dock.findChildren(QLabel)}  # read out for its buddy
    nameless = [w for w in silent if w not in labelled and not w.accessibleName()]
    assert [named(widget) for widget in nameless] == []
