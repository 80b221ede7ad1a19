"""Docks come and go; the learner, its thread and the model go and stay with them."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import add_strokes, paint_two_classes
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QPushButton

from fakes import model_file
from napari_unet.learner.messages import Improved, Trained
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.batch.dock import BatchSegment


@pytest.fixture
def viewer(make_window, learners):
    viewer = make_window()
    image = viewer.add_image(np.zeros((32, 40), np.float32), name="cells")
    strokes = add_strokes(viewer, image)
    paint_two_classes(strokes)
    return viewer


def open_dock(viewer, kind=AnnotateAndTrain):
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name=kind.__name__)
    return widget


def close_dock(viewer, widget):
    viewer.window.remove_dock_widget(widget)
    settle()


def settle():
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


def start_training(qtbot, widget):
    button = widget.findChild(QPushButton, "train_button")
    qtbot.waitUntil(button.isEnabled)
    button.click()


def test_the_learner_is_warm_when_the_dock_opens_and_ends_when_it_closes(viewer, learners):
    widget = open_dock(viewer)
    (learner,) = learners
    assert learner.warm
    close_dock(viewer, widget)
    assert learner.closed


def test_two_docks_share_one_session_and_the_last_one_ends_it(viewer, learners):
    first, second = open_dock(viewer), open_dock(viewer, BatchSegment)
    assert len(learners) == 1
    close_dock(viewer, first)
    assert not learners[0].closed
    close_dock(viewer, second)
    assert learners[0].closed


def test_the_proxy_that_plugins_get_is_the_same_viewer(viewer, learners):
    from napari.utils._proxies import PublicOnlyProxy

    open_dock(viewer)
    proxied = AnnotateAndTrain(PublicOnlyProxy(viewer))
    assert len(learners) == 1
    proxied.deleteLater()
    settle()


def test_two_viewers_have_a_session_each(make_window, viewer, learners):
    other = make_window()
    open_dock(viewer)
    open_dock(other)
    assert len(learners) == 2


def test_a_model_is_still_there_when_the_dock_is_opened_again(qtbot, viewer, learners):
    widget = open_dock(viewer)
    start_training(qtbot, widget)
    data = model_file()
    learners[0].say(learners[0].trainings[0].number, Trained(1, 1.0, "budget", 0.5, data))
    session = widget.session
    qtbot.waitUntil(lambda: session.model == data)
    close_dock(viewer, widget)
    again = open_dock(viewer)
    assert again.session.model == data
    assert again.session.unsaved
    assert len(learners) == 2


def test_a_dock_that_is_closed_while_training_keeps_the_best_model_so_far(qtbot, viewer, learners):
    widget = open_dock(viewer)
    start_training(qtbot, widget)
    session = widget.session
    improved = []
    session.improved.connect(lambda model: improved.append(model))
    learners[0].say(learners[0].trainings[0].number, Improved(5, 0.5, model_file()))
    qtbot.waitUntil(lambda: bool(improved))
    close_dock(viewer, widget)
    assert learners[0].closed
    assert session.state is State.IDLE
    assert session.model == improved[0]


def test_a_training_ends_with_its_dock_even_if_another_stays(qtbot, viewer, learners):
    widget = open_dock(viewer)
    open_dock(viewer, BatchSegment)
    start_training(qtbot, widget)
    close_dock(viewer, widget)
    assert learners[0].stopped == [learners[0].trainings[0].number]


def test_the_window_is_closed_while_training(qtbot, viewer, learners):
    start_training(qtbot, open_dock(viewer))
    viewer.close()
    settle()
    assert learners[0].closed


def test_quitting_ends_the_learner_even_if_the_window_stays(qtbot, viewer, learners):
    start_training(qtbot, open_dock(viewer))
    QApplication.instance().aboutToQuit.emit()
    assert learners[0].closed


def test_a_dock_that_is_moved_stays(viewer, learners):
    widget = open_dock(viewer)
    viewer.window.remove_dock_widget(widget)
    viewer.window.add_dock_widget(widget, name="again", area="left")
    settle()
    assert not learners[0].closed


def test_layers_that_go_after_the_dock_are_no_trouble(qtbot, viewer, learners):
    widget = open_dock(viewer)
    close_dock(viewer, widget)
    viewer.layers[1].paint((2, 2), 1)
    viewer.layers[1].selected_label = 1
    viewer.layers.clear()
    viewer.theme = "light"


def test_docks_are_tabs_of_one_another_and_each_has_the_height(viewer, qtbot):
    main = viewer.window._qt_window
    main.resize(1600, 950)
    main.show()
    docks = []
    for name in ("Annotate and train", "Cells", "Batch segment open layers"):
        docks.append(viewer.window.add_plugin_dock_widget("napari-unet-live", name)[0])
        qtbot.waitUntil(lambda: len(main.tabifiedDockWidgets(docks[0])) == len(docks) - 1)
        settle()
        assert not docks[-1].visibleRegion().isEmpty(), "the one opened last is in front"
    for dock in docks:
        dock.raise_()
        settle()
        assert dock.height() > 650
