"""Segment image, Segment view, Stop."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names, look_at
from qtpy.QtCore import Qt

from fakes import model_file
from napari_unet.learner.messages import Failed, Predicted, Progress
from napari_unet.widgets.annotate.segment_panel import SegmentPanel
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.results import segmentation_of


@pytest.fixture
def panel(qtbot, desk):
    desk.predictions = Predictions(desk.viewer, desk.session)
    widget = SegmentPanel(desk, lambda: "cpu")
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def trained(desk, tmp_path, panel):
    def take(**details):
        path = tmp_path / "model.unet"
        path.write_bytes(model_file(**details))
        desk.session.load_model(path)

    take()
    return take


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_without_a_model_the_buttons_say_so(panel):
    assert not panel.image_button.isEnabled()
    assert "Train a model first" in panel.view_button.toolTip()
    assert panel.status.text() == panel.view_button.toolTip()


def test_a_model_takes_the_reason_away(panel, trained):
    assert not panel.status.isVisible()


def test_a_model_for_other_channels_says_so(panel, trained):
    trained(channels=3)
    assert not panel.image_button.isEnabled()
    assert "3 channels" in panel.image_button.toolTip()


def test_the_image_is_segmented(qtbot, desk, panel, trained, fake, answer):
    click(qtbot, panel.image_button)
    (job,) = fake.predictions
    request = job.prepare()
    assert (request.region, request.device, request.probabilities) == (None, "cpu", False)
    assert not panel.image_button.isEnabled() and panel.stop_button.isVisible()
    answer(job, Progress(1, 4))
    assert panel.progress.value() == 250
    answer(job, *fake.predict(job, 2))
    assert (segmentation_of(desk.viewer, desk.image).data == 2).all()
    assert panel.image_button.isEnabled() and not panel.stop_button.isVisible()


def test_only_what_is_in_view_is_segmented(qtbot, desk, panel, trained, fake, answer):
    look_at(desk.viewer, 4, 10, 5, 15)
    click(qtbot, panel.view_button)
    answer(fake.jobs[0], *fake.predict(fake.jobs[0], 2))
    data = segmentation_of(desk.viewer, desk.image).data
    assert (data[4:10, 5:15] == 2).all()
    assert (data == 2).sum() == 60


def test_a_view_without_image_is_no_job(qtbot, desk, panel, trained, fake, said):
    look_at(desk.viewer, 50, 61, 0, 40)
    click(qtbot, panel.view_button)
    assert fake.jobs == []
    assert "in view" in said[-1]


def test_every_plane_of_a_stack_is_segmented(qtbot, desk, panel, trained, fake):
    desk.choice.image = desk.viewer.add_image(np.zeros((3, 6, 8)), axis_labels=("z", "y", "x"))
    click(qtbot, panel.image_button)
    assert len(fake.jobs[0].prepare().images) == 3


def test_probabilities_on_request(qtbot, desk, panel, trained, fake, answer):
    panel.probabilities.setChecked(True)
    click(qtbot, panel.image_button)
    answer(fake.jobs[0], *fake.predict(fake.jobs[0], 2))
    assert "cells probability of class 2" in layer_names(desk.viewer)


def test_stop_keeps_what_is_ready(qtbot, panel, trained, fake, answer):
    click(qtbot, panel.image_button)
    click(qtbot, panel.stop_button)
    assert fake.stopped == [fake.jobs[0].number]
    assert not panel.stop_button.isEnabled()
    answer(fake.jobs[0], Predicted(stopped=True))
    assert panel.image_button.isEnabled()


def test_a_failure_is_said(qtbot, panel, trained, fake, answer, said):
    click(qtbot, panel.image_button)
    answer(fake.jobs[0], Failed("no memory left; use a smaller tile."))
    assert said == ["no memory left; use a smaller tile."]
    assert panel.image_button.isEnabled()


def test_an_image_of_another_pixel_size_is_resampled_and_that_is_said(
    qtbot, desk, panel, trained, fake, answer, said
):
    trained(pixel_size=(1.0, 1.0))
    desk.image.scale, desk.image.units = (0.5, 0.5), "um"
    click(qtbot, panel.image_button)
    assert fake.jobs[-1].prepare().factors == (0.5, 0.5)
    assert "it is resampled to that" in said[-1]
    answer(fake.jobs[-1], *fake.predict(fake.jobs[-1], 2))
    assert segmentation_of(desk.viewer, desk.image).data.shape == desk.image.data.shape
    desk.image.scale = (1.0, 1.0)
    click(qtbot, panel.image_button)
    assert fake.jobs[-1].prepare().factors is None
