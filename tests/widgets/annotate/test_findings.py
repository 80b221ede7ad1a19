"""What was noticed stands in the dock, and goes when it is mended."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import add_strokes, paint_two_classes
from qtpy.QtWidgets import QLabel, QPushButton

from fakes import model_file
from napari_unet.core.images.intensity import Intensity, Scaling
from napari_unet.core.models.header import header_of
from napari_unet.learner.messages import PlanePredicted, Predicted
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.annotate.findings import ResultFindings, StrokeFindings
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.strokes import new_annotation


class TestStrokes:
    @pytest.fixture
    def label(self, qtbot, desk):
        widget = StrokeFindings(desk)
        qtbot.addWidget(widget)
        return widget

    @pytest.fixture
    def strokes(self, desk, label):
        layer = new_annotation(desk.image, desk.session.classes)
        desk.viewer.add_layer(layer)
        desk.choice.annotation = layer
        return layer

    def test_that_are_fine_take_no_room(self, qtbot, label, strokes):
        paint_two_classes(strokes)
        qtbot.wait(1200)
        assert label.isHidden()

    def test_of_a_few_pixels_are_told_until_there_are_more(self, qtbot, desk, label, strokes):
        paint_two_classes(strokes)
        strokes.brush_size = 1
        for column in range(5):
            strokes.paint((2, column), 3)
        qtbot.waitUntil(lambda: "only 5 pixels of “class 3”" in label.text().lower())
        assert not label.isHidden()
        assert "troubleshooting.md#a-class-with-a-few-pixels" in label.toolTip()
        strokes.brush_size = 8
        strokes.paint((2, 20), 3)
        qtbot.waitUntil(label.isHidden)

    def test_without_background_are_told(self, qtbot, label, strokes):
        strokes.data[5:10], strokes.data[20:25] = 2, 3
        strokes.data = strokes.data
        qtbot.waitUntil(lambda: "background" in label.text())

    def test_of_another_layer_that_disagree_are_told(self, qtbot, desk, label, strokes):
        paint_two_classes(strokes)
        other = new_annotation(desk.image, desk.session.classes)
        other.name = "older"
        other.data = np.where(strokes.data == 1, 2, 0).astype(np.uint8)
        desk.viewer.add_layer(other)
        strokes.paint((30, 30), 1)
        qtbot.waitUntil(lambda: "“older”" in label.text())
        desk.choice.annotation = None
        qtbot.waitUntil(label.isHidden)


class TestResult:
    @pytest.fixture
    def label(self, qtbot, desk):
        self.predictions = desk.predictions = Predictions(desk.viewer, desk.session)
        widget = ResultFindings(desk)
        qtbot.addWidget(widget)
        desk.session._use(model_file(), header_of(model_file()))
        return widget

    def test_of_one_class_is_told_for_the_whole_image_alone(self, desk, label, fake, answer):
        self.predictions.start(desk.image, [()], region=(0, 8, 0, 8))
        (view,) = fake.predictions
        answer(view, *fake.predict(view, 2))
        assert label.isHidden()
        self.predictions.start(desk.image, [()])
        whole = fake.predictions[-1]
        answer(whole, *fake.predict(whole, 2))
        assert "“class 2”" in label.text() and not label.isHidden()

    def test_of_another_image_is_not_told_here(self, desk, label, fake, answer):
        other = desk.viewer.add_image(np.ones((8, 8)))
        self.predictions.start(other, [()])
        (job,) = fake.predictions
        answer(job, *fake.predict(job, 2))
        assert label.isHidden()

    def test_goes_with_the_image_and_with_a_better_one(self, desk, label, fake, answer):
        both = np.zeros((32, 40), np.uint8) + 1
        both[0] = 2
        for content, hidden in ((np.full((32, 40), 1, np.uint8), False), (both, True)):
            self.predictions.start(desk.image, [()])
            answer(fake.predictions[-1], PlanePredicted(0, content, None), Predicted(False))
            assert label.isHidden() == hidden

    def test_of_a_brighter_image_is_told_where_that_is_not_undone(self, desk, label, fake, answer):
        trained = Intensity(0.0, 200.0, 200.0, 20.0, 5.0, 0.1)
        model = model_file(scaling=Scaling("training", (trained,)))
        self.predictions.start(desk.image, [()], model=model)
        ids = np.tile(np.array([1, 2], np.uint8), (32, 20))
        seen = PlanePredicted(
            0, ids, None, intensities=(Intensity(100.0, 50000.0, 49900.0, 200.0, 50.0, 0.1),)
        )
        answer(fake.predictions[-1], seen, Predicted(False))
        assert "much brighter" in label.text()


def test_in_the_real_window(qtbot, make_window, learners):
    viewer = make_window()
    image = viewer.add_image(np.zeros((32, 40), np.float32), name="cells")
    strokes = add_strokes(viewer, image)
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    viewer.window._qt_window.show()
    paint_two_classes(strokes)
    strokes.brush_size = 1
    strokes.paint((2, 2), 3)
    label = dock.findChild(QLabel, "stroke_findings")
    qtbot.waitUntil(label.isVisible)
    assert "Note: Only 1 pixel of" in label.text()
    assert dock.findChild(QPushButton, "train_button").isEnabled()  # noticed, not refused
