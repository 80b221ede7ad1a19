"""The button that goes where the model is unsure, with a learner that says what it is told."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names, look_at

from fakes import model_file
from napari_unet.core.prediction.uncertainty import doubt_of
from napari_unet.learner.messages import Failed, Improved, PlanePredicted, Predicted
from napari_unet.session.state import State
from napari_unet.widgets.annotate.next_place_panel import NextPlacePanel
from napari_unet.widgets.annotate.place_finder import PlaceFinder
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.picture import choose_axes, choose_channels
from napari_unet.widgets.layers.strokes import new_annotation
from napari_unet.widgets.layers.uncertainty import uncertainty_of

ROWS, COLUMNS = 60, 200


@pytest.fixture
def image(desk, session, tmp_path):
    path = tmp_path / "model.unet"
    path.write_bytes(model_file())
    session.load_model(path)
    image = desk.viewer.add_image(np.zeros((ROWS, COLUMNS), np.float32), name="wide")
    return choose(desk, image)


@pytest.fixture
def predictions(desk):
    desk.predictions = Predictions(desk.viewer, desk.session)
    return desk.predictions


@pytest.fixture
def panel(qtbot, desk, predictions):
    panel = NextPlacePanel(PlaceFinder(desk, lambda: "cpu", desk.owner))
    qtbot.addWidget(panel)
    return panel


def choose(desk, image):
    strokes = new_annotation(image, desk.session.classes)
    desk.viewer.add_layer(strokes)
    desk.choice.image, desk.choice.annotation = image, strokes
    return image


def doubtful(*patches: tuple[int, float], shape=(ROWS, COLUMNS)) -> np.ndarray:
    """Return a plane that is unsure in patches around row 30 and these columns, by so much."""
    unsure = np.zeros(shape, np.float32)
    for column, height in patches:
        unsure[25:36, column - 5 : column + 6] = height
    return unsure


def predicted(number: int, unsure: np.ndarray) -> PlanePredicted:
    return PlanePredicted(number, np.ones(unsure.shape, np.uint8), None, doubt_of(unsure))


def at(desk) -> tuple[float, ...]:
    return tuple(desk.viewer.camera.center[-2:])


def is_near(place, column) -> bool:
    return bool(np.abs(np.subtract(place, (30, column))).max() <= 8)


def test_it_goes_from_the_least_sure_place_to_the_next_and_says_when_none_is_left(
    desk, image, panel, fake, answer
):
    panel.button.click()
    (job,) = fake.predictions
    assert job.prepare().doubt
    assert "Looking" in panel.status.text()
    panel.button.click()
    assert len(fake.predictions) == 1, "it is being looked for already"
    unsure = doubtful((40, 0.5), (100, 0.9), (160, 0.7))
    answer(job, predicted(0, unsure), Predicted(stopped=False))
    went = [at(desk)]
    for _ in range(2):
        panel.button.click()
        went.append(at(desk))
    assert all(map(is_near, went, (100, 160, 40)))
    assert "unsure. Paint what it is." in panel.status.text()
    for _ in range(20):
        panel.button.click()
    assert panel.status.text().startswith("Nothing is left")
    assert len(fake.predictions) == 1
    assert desk.viewer.layers.selection.active is desk.choice.annotation
    assert desk.choice.annotation.mode == "paint"


def test_the_layer_shows_percent_and_stays_up_to_date(
    desk, image, panel, predictions, fake, answer
):
    panel.go()
    answer(fake.predictions[0], predicted(0, doubtful((40, 0.5))), Predicted(stopped=False))
    layer = uncertainty_of(desk.viewer, image)
    assert layer.data[30, 40] == 50
    assert layer.data.dtype == np.uint8
    assert "wide uncertainty (%)" in layer_names(desk.viewer)
    layer.visible = False
    predictions.start(image, [()])  # as Segment image does
    assert fake.predictions[1].prepare().doubt
    answer(fake.predictions[1], predicted(0, doubtful((90, 0.25))), Predicted(stopped=False))
    assert (layer.data[30, 40], layer.data[30, 90]) == (0, 25)
    assert not layer.visible


def test_without_the_layer_nobody_asks_for_it(image, predictions, fake):
    predictions.start(image, [()])
    assert not fake.predictions[0].prepare().doubt


def test_what_is_painted_is_left_out(desk, image, panel, fake, answer):
    desk.choice.annotation.data[30, 98:102] = 2
    panel.go()
    unsure = doubtful((40, 0.5), (100, 0.9))
    answer(fake.predictions[0], predicted(0, unsure), Predicted(stopped=False))
    assert is_near(at(desk), 40)


def test_a_better_model_is_asked_anew_but_never_shows_the_same_place(
    desk, image, panel, session, fake, answer, tmp_path
):
    panel.go()
    unsure = doubtful((40, 0.5), (100, 0.9))
    answer(fake.predictions[0], predicted(0, unsure), Predicted(stopped=False))
    assert is_near(at(desk), 100)
    (tmp_path / "other.unet").write_bytes(model_file(score=0.9))
    session.load_model(tmp_path / "other.unet")
    panel.go()
    assert fake.predictions[1].prepare().model == session.model
    answer(fake.predictions[1], predicted(0, unsure), Predicted(stopped=False))
    assert is_near(at(desk), 40)


def test_while_live_learns_its_newest_model_is_asked(desk, image, panel, session, fake, answer):
    session.forget_model()
    session.start_live()
    answer(session.live.job, Improved(10, 0.5, model_file(score=0.7)))
    panel.go()
    assert fake.predictions[0].prepare().model == model_file(score=0.7)
    answer(fake.predictions[0], predicted(0, doubtful((40, 0.5))), Predicted(stopped=False))
    assert is_near(at(desk), 40)


def test_of_a_stack_the_other_slices_are_looked_at_the_nearest_first(
    desk, image, panel, fake, answer
):
    stack = desk.viewer.add_image(np.zeros((5, ROWS, COLUMNS), np.float32), name="stack")
    choose(desk, stack)
    desk.viewer.dims.set_point(0, 3)
    panel.go()
    assert len(fake.predictions[0].prepare().images) == 1
    answer(fake.predictions[0], predicted(0, doubtful((40, 0.5))), Predicted(stopped=False))
    assert desk.viewer.dims.point[0] == 3 and is_near(at(desk), 40)
    assert not panel.stop_button.isHidden()
    others = fake.predictions[1]
    planes = [predicted(0, doubtful()), predicted(1, doubtful()), predicted(2, doubtful((90, 0.9)))]
    answer(others, *planes, predicted(3, doubtful()), Predicted(stopped=False))
    panel.go()
    assert desk.viewer.dims.point[0] == 1, "2, 4, 1, 0 is their order"
    assert is_near(at(desk), 90)
    assert panel.stop_button.isHidden()
    assert len(fake.predictions) == 2


def test_a_training_or_another_image_ends_the_look_at_other_slices(
    desk, image, panel, session, fake, answer
):
    stack = desk.viewer.add_image(np.zeros((5, ROWS, COLUMNS), np.float32), name="stack")
    choose(desk, stack)
    panel.go()
    answer(fake.predictions[0], predicted(0, doubtful((40, 0.5))), Predicted(stopped=False))
    session.start_live()
    assert session.state is State.LIVE
    assert fake.stopped == [fake.predictions[1].number]
    answer(fake.predictions[1], Predicted(stopped=True))
    desk.choice.image = image
    panel.go()
    assert len(fake.predictions) == 3, "what is known of the stack says nothing about this image"


def test_an_image_whose_axes_are_other_ones_is_begun_anew(desk, image, panel, fake, answer):
    data = np.zeros((3, ROWS, COLUMNS), np.float32)
    stack = choose(desk, desk.viewer.add_image(data, name="stack"))
    choose_axes(stack, "ZYX")
    panel.go()
    answer(fake.predictions[0], predicted(0, doubtful((100, 0.9))), Predicted(stopped=False))
    assert is_near(at(desk), 100)
    choose_axes(stack, "CYX")
    choose_channels(stack, [(stack, 1)])
    panel.go()
    answer(fake.predictions[-1], predicted(0, doubtful((100, 0.9))), Predicted(stopped=False))
    assert panel.status.text().startswith("Row 27, column 97: ")
    choose_axes(stack, "ZYX")
    panel.go()
    answer(fake.predictions[-1], predicted(0, doubtful((100, 0.9))), Predicted(stopped=False))
    assert panel.status.text().startswith("Nothing is left so far"), "it was shown before"


def test_a_model_of_volumes_goes_to_its_slice(desk, image, panel, session, fake, answer, tmp_path):
    (tmp_path / "volumes.unet").write_bytes(model_file(dimensions=3))
    session.load_model(tmp_path / "volumes.unet")
    stack = desk.viewer.add_image(np.zeros((4, ROWS, COLUMNS), np.float32), name="stack")
    choose_axes(stack, "ZYX")
    choose(desk, stack)
    desk.viewer.dims.set_point(0, 2)
    panel.go()
    assert fake.predictions[0].prepare().region == (2, 3, 0, ROWS, 0, COLUMNS)
    slab = doubtful((40, 0.5))[None]
    answer(fake.predictions[0], predicted(0, slab), Predicted(stopped=False))
    assert desk.viewer.dims.point[0] == 2 and is_near(at(desk), 40)
    volume = np.stack([doubtful(), doubtful(), doubtful((40, 0.5)), doubtful((90, 0.8))])
    answer(fake.predictions[1], predicted(0, volume), Predicted(stopped=False))
    panel.go()
    assert desk.viewer.dims.point[0] == 3 and is_near(at(desk), 90)


def test_the_place_lies_where_the_layer_lies_and_is_zoomed_in_on(desk, image, panel, fake, answer):
    image.scale, image.translate = (0.5, 0.25), (100, 1000)
    desk.viewer.camera.zoom = 0.1
    panel.go()
    answer(fake.predictions[0], predicted(0, doubtful((40, 0.5))), Predicted(stopped=False))
    assert at(desk) == pytest.approx((100 + 30 * 0.5, 1000 + 40 * 0.25), abs=4)
    assert desk.viewer.camera.zoom * 0.25 >= 2
    desk.viewer.camera.zoom = 500
    panel.go()
    assert desk.viewer.camera.zoom == 500


def test_what_is_missing_is_said_and_a_failure_too(desk, panel, fake, answer, image, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "napari_unet.widgets.qt.notify.notify", lambda _level, text: shown.append(text)
    )
    panel.go()
    answer(fake.predictions[0], Failed("memory ran out."))
    assert panel.status.text() == "Memory ran out."
    desk.session.forget_model()
    panel.go()
    assert "Train a model first" in shown[0]
    assert len(fake.predictions) == 1


def test_an_image_that_goes_meanwhile_is_no_trouble(desk, image, panel, fake, answer):
    panel.go()
    answers = predicted(0, doubtful((40, 0.5))), Predicted(stopped=False)
    desk.viewer.layers.remove(image)
    desk.choice.image = None
    answer(fake.predictions[0], *answers)
    assert panel.status.text() == ""


def test_of_a_large_plane_what_is_in_view_is_looked_at(desk, image, panel, fake, answer):
    large = desk.viewer.add_image(np.broadcast_to(np.arange(5000, dtype=np.uint16), (5000, 5000)))
    choose(desk, large)
    look_at(desk.viewer, 0, 5000, 0, 5000)
    panel.go()
    assert fake.predictions == [], "too much is in view, which is said"
    look_at(desk.viewer, 3000, 3060, 1000, 1200)
    panel.go()
    request = fake.predictions[0].prepare()
    assert request.region == (3000, 3060, 1000, 1200)
    assert request.images[0].pixels.size < 2.5e6
    answer(fake.predictions[0], predicted(0, doubtful((40, 0.5))), Predicted(stopped=False))
    assert np.abs(np.subtract(at(desk), (3030, 1040))).max() <= 8
    layer = uncertainty_of(desk.viewer, large)
    assert layer.multiscale and layer.data[0][3030, 1040] == 50
    look_at(desk.viewer, 3010, 3051, 1010, 1101)
    panel.go()
    assert len(fake.predictions) == 1, "that part is known"
