"""A batch says what it will do, does it, and reports each layer."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names
from qtpy.QtCore import Qt

from fakes import model_file
from napari_unet.learner.messages import Failed, Predicted, Progress
from napari_unet.widgets.batch import BatchSegment
from napari_unet.widgets.results import segmentation_of


@pytest.fixture
def dock(qtbot, model, learners):
    widget = BatchSegment(model)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def learner(dock, learners):
    return learners[0]


@pytest.fixture
def grey(model, dock, tmp_path):
    """Take a model for grey images into use, with two grey images and a colour image open."""
    path = tmp_path / "model.unet"
    path.write_bytes(model_file())
    dock.session.load_model(path)
    one = model.add_image(np.zeros((6, 8)), name="one")
    model.add_image(np.zeros((6, 8, 3), np.uint8), rgb=True, name="colour")
    two = model.add_image(np.zeros((3, 6, 8)), axis_labels=("z", "y", "x"), name="two")
    return one, two


def fates(dock):
    table = dock.table
    return {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())}


def press_run(qtbot, dock):
    qtbot.mouseClick(dock.run_button, Qt.MouseButton.LeftButton)


def check(dock, row, on):
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    dock.table.item(row, 0).setCheckState(state)


def test_nothing_can_run_without_a_model(dock, model):
    model.add_image(np.zeros((6, 8)), name="one")
    assert "Train a model first" in dock.summary.text()
    assert not dock.run_button.isEnabled()
    assert "Train a model first" in fates(dock)["one"]


def test_the_plan_is_shown_before_anything_runs(dock, grey):
    assert fates(dock) == {
        "one": "will be segmented",
        "colour": "The model needs 1 channel, the image has 3; choose them with Channels… in "
        "Annotate and train, change there what its axes are, or train one for it.",
        "two": "will be segmented",
    }
    assert [dock.table.item(row, 1).text() for row in range(3)] == [
        "6 x 8",
        "6 x 8",
        "3 x 6 x 8",
    ]
    assert dock.summary.text() == "2 of 3 layers will be segmented."
    check(dock, 0, False)
    assert fates(dock)["one"] == "left out"
    assert dock.summary.text() == "1 of 3 layers will be segmented."


def test_layers_are_segmented_one_after_the_other(qtbot, model, dock, learner, grey):
    press_run(qtbot, dock)
    assert len(learner.predictions) == 1
    assert fates(dock)["one"] == "segmenting" and fates(dock)["two"] == "waiting"
    first = learner.predictions[0]
    learner.say(first.number, Progress(1, 2))
    qtbot.waitUntil(lambda: dock.progress.value() == 250)
    learner.say(first.number, *learner.predict(first, 2))
    qtbot.waitUntil(lambda: len(learner.predictions) == 2)
    second = learner.predictions[1]
    assert len(second.prepare().images) == 3
    learner.say(second.number, *learner.predict(second, 2))
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run")
    assert dock.summary.text() == "2 of 2 layers segmented."
    assert fates(dock)["one"] == fates(dock)["two"] == "done"
    assert all((segmentation_of(model, image).data == 2).all() for image in grey)


def test_a_failure_is_reported_and_the_rest_goes_on(qtbot, model, dock, learner, grey):
    press_run(qtbot, dock)
    learner.say(learner.predictions[0].number, Failed("no memory left."))
    qtbot.waitUntil(lambda: len(learner.predictions) == 2)
    second = learner.predictions[1]
    learner.say(second.number, *learner.predict(second, 2))
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run")
    assert fates(dock)["one"] == "failed: no memory left."
    assert fates(dock)["two"] == "done"
    assert dock.summary.text() == "1 of 2 layers segmented."


def test_layers_that_disappear_are_reported_and_skipped(qtbot, model, dock, learner, grey):
    third = model.add_image(np.zeros((6, 8)), name="three")
    press_run(qtbot, dock)
    model.layers.remove(grey[1])
    model.layers.remove(grey[0])
    qtbot.waitUntil(lambda: len(learner.predictions) == 2)
    last = learner.predictions[1]
    learner.say(last.number, *learner.predict(last, 2))
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run")
    assert "removed" in fates(dock)["one"] and "removed" in fates(dock)["two"]
    assert fates(dock)["three"] == "done"
    assert segmentation_of(model, third) is not None
    assert dock.summary.text() == "1 of 3 layers segmented."


def test_stop_keeps_what_is_done(qtbot, model, dock, learner, grey):
    model.add_image(np.zeros((6, 8)), name="three")
    press_run(qtbot, dock)
    first = learner.predictions[0]
    learner.say(first.number, *learner.predict(first, 2))
    qtbot.waitUntil(lambda: len(learner.predictions) == 2)
    press_run(qtbot, dock)
    assert not dock.run_button.isEnabled()
    learner.say(learner.predictions[1].number, Predicted(stopped=True))
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run")
    assert [fates(dock)[name] for name in ("one", "two", "three")] == [
        "done",
        "stopped",
        "not done",
    ]
    assert segmentation_of(model, grey[0]) is not None
    assert dock.summary.text() == "1 of 3 layers segmented."


def test_results_are_not_segmented_in_turn(qtbot, model, dock, learner, grey):
    dock.probabilities.setChecked(True)
    press_run(qtbot, dock)
    first = learner.predictions[0]
    learner.say(first.number, *learner.predict(first, 2))
    qtbot.waitUntil(lambda: len(learner.predictions) == 2)
    learner.say(learner.predictions[1].number, Predicted(stopped=True))
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run")
    assert "one probability of class 2" in layer_names(model)
    assert set(fates(dock)) == {"one", "two", "colour"}


def test_layers_are_followed(dock, model, grey):
    grey[0].name = "renamed"
    assert "renamed" in fates(dock)
    model.layers.remove(grey[0])
    assert set(fates(dock)) == {"two", "colour"}
    assert dock.summary.text() == "1 of 2 layers will be segmented."
