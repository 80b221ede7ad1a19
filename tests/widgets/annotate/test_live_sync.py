"""The Live switch with a learner that says what it is told; no window."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names, look_at, paint_two_classes

from fakes import model_file
from napari_unet.core.events import Settled
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import (
    Failed,
    Improved,
    LivePlane,
    LiveRequest,
    LiveStrokes,
    LiveTile,
    LiveView,
    Trained,
    Waiting,
)
from napari_unet.session.state import State
from napari_unet.widgets.annotate.live_sync import LEARNING, LiveLoop
from napari_unet.widgets.layers.image_marks import give_id, id_of
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.roles import remember
from napari_unet.widgets.layers.strokes import new_annotation


@pytest.fixture
def loop(desk):
    look_at(desk.viewer, 0, 32, 0, 40)
    return LiveLoop(
        desk,
        lambda seconds: TrainSettings.checked(seconds=seconds, device="cpu", seed=7),
        desk.owner,
    )


@pytest.fixture
def strokes(desk):
    layer = new_annotation(desk.image, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    return layer


@pytest.fixture
def told(qtbot, desk, fake):
    """Give what the learner was told of the running job, once there is something of a kind."""

    def look(kind, condition=lambda message: True):
        heard = []

        def come():
            heard.extend(fake.told(desk.session.live.job))
            return any(isinstance(message, kind) and condition(message) for message in heard)

        qtbot.waitUntil(come, timeout=3000)
        return [message for message in heard if isinstance(message, kind)]

    return look


def switch_on(loop, fake):
    loop.switch(True)
    return fake.jobs[-1].number


def shown(desk, image=None) -> np.ndarray:
    return segmentation_of(desk.viewer, image or desk.image).data


def tile(view, class_id=2, *, version=1, box=None, generation=None):
    rows, columns = (slice(box[0], box[1]), slice(box[2], box[3])) if box else (None, None)
    shape = (32, 40) if box is None else (rows.stop - rows.start, columns.stop - columns.start)
    return LiveTile(
        view.generation if generation is None else generation,
        version,
        view.key,
        box or (0, 32, 0, 40),
        np.full(shape, class_id, np.uint8),
    )


def test_starts_at_once_and_sends_the_view_then_the_strokes_as_they_come(
    qtbot, desk, loop, strokes, fake, told
):
    number = switch_on(loop, fake)
    assert desk.session.state is State.LIVE
    request = fake.jobs[0].prepare()
    assert (type(request), request.device, request.seed) == (LiveRequest, "cpu", 7)
    (view,) = told(LiveView)
    assert (view.job, view.region, view.image.shape) == (number, None, (1, 32, 40))
    strokes.brush_size = 1
    strokes.paint((8, 6), 1)
    told(LiveStrokes)
    strokes.paint((20, 9), 2)
    (message,) = told(LiveStrokes)
    assert (message.box, message.labels.tolist()) == ((20, 21, 9, 10), [[2]])


def test_the_plane_is_sent_once_before_its_first_strokes(qtbot, desk, loop, strokes, fake):
    number = switch_on(loop, fake)
    paint_two_classes(strokes)
    qtbot.wait(100)
    kinds = [type(message) for message in fake.told(number)]
    assert kinds == [LiveView, LivePlane, LiveStrokes]
    strokes.paint((2, 2), 1)
    qtbot.wait(100)
    assert [type(message) for message in fake.told(number)] == [LiveStrokes]


def test_what_was_painted_before_is_sent_at_the_start(qtbot, desk, loop, strokes, fake, told):
    paint_two_classes(strokes)
    qtbot.waitUntil(lambda: bool(desk.watch.counts))
    switch_on(loop, fake)
    (message,) = told(LiveStrokes)
    top, bottom, left, right = message.box
    assert np.array_equal(message.labels, strokes.data[top:bottom, left:right])


def test_undo_and_erasing_are_told(qtbot, desk, loop, strokes, fake, told):
    switch_on(loop, fake)
    strokes.brush_size = 1
    strokes.paint((3, 3), 2)
    told(LiveStrokes)
    strokes.undo()
    (message,) = told(LiveStrokes)
    assert message.labels.tolist() == [[0]]


def test_nothing_is_told_in_the_middle_of_a_stroke(qtbot, desk, loop, strokes, fake, told):
    switch_on(loop, fake)
    told(LiveView)
    with strokes.block_history():
        for column in range(5, 15):
            strokes.paint((5, column), 2)
            qtbot.wait(10)
        with qtbot.waitSignal(desk.watch.changed):  # the strokes are counted meanwhile
            strokes.paint((6, 5), 2)
        qtbot.wait(100)
        assert fake.told(desk.session.live.job) == []
    assert len(told(LiveStrokes)) == 1


def test_tiles_are_written_where_they_belong(qtbot, desk, loop, strokes, fake, told, answer):
    number = switch_on(loop, fake)
    (view,) = told(LiveView)
    before = strokes.data.copy()
    answer(number, tile(view, box=(4, 20, 8, 16)))
    assert (shown(desk) == 2).sum() == 16 * 8
    assert (shown(desk)[4:20, 8:16] == 2).all()
    qtbot.wait(150)  # until it was shown
    assert np.array_equal(strokes.data, before)


def test_late_tiles_of_an_older_view_or_version_are_dropped(
    qtbot, desk, loop, strokes, fake, told, answer
):
    stack = desk.viewer.add_image(
        np.zeros((3, 32, 40), np.float32), axis_labels=("z", "y", "x"), name="stack"
    )
    desk.choice.annotation, desk.choice.image = None, stack
    number = switch_on(loop, fake)
    (first,) = told(LiveView)
    desk.viewer.dims.set_current_step(0, 1)
    (second,) = told(LiveView)
    assert second.generation > first.generation
    answer(number, tile(second, 1, version=5))
    answer(number, tile(first, 2, version=6), tile(second, 2, version=4))
    assert [np.unique(plane).tolist() for plane in shown(desk, stack)] == [[0], [1], [0]]


def test_the_view_follows_the_camera(qtbot, desk, loop, strokes, fake, told):
    switch_on(loop, fake)
    (first,) = told(LiveView)
    look_at(desk.viewer, 4, 10, 5, 15)
    (second,) = told(LiveView)
    assert (second.region, second.image) == ((4, 10, 5, 15), None)
    assert second.generation == first.generation


def test_a_segmentation_that_was_deleted_is_predicted_afresh(
    qtbot, desk, loop, strokes, fake, told, answer
):
    number = switch_on(loop, fake)
    (first,) = told(LiveView)
    answer(number, tile(first))
    desk.viewer.layers.remove(segmentation_of(desk.viewer, desk.image))
    (second,) = told(LiveView)
    assert second.generation > first.generation
    answer(number, tile(second))
    assert (shown(desk) == 2).all()


def test_another_image_joins_and_its_strokes_too(qtbot, desk, loop, strokes, fake, told):
    switch_on(loop, fake)
    paint_two_classes(strokes)
    (first,) = told(LivePlane)
    other = desk.viewer.add_image(np.ones((20, 24)), name="other")
    layer = new_annotation(other, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.image, desk.choice.annotation = other, layer
    layer.paint((3, 3), 2)
    (second,) = told(LivePlane)
    assert second.image.shape == (1, 20, 24)
    assert second.key != first.key
    assert loop.status() == LEARNING  # one class here, but two with the other image's


def test_an_image_with_other_channels_pauses_in_words_and_goes_on(
    qtbot, desk, loop, strokes, fake, told, answer
):
    number = switch_on(loop, fake)
    paint_two_classes(strokes)
    told(LivePlane)
    first, layer = desk.image, strokes
    color = desk.viewer.add_image(np.zeros((32, 40, 3), np.uint8), rgb=True, name="color")
    desk.choice.image = color
    qtbot.wait(200)
    assert not [m for m in fake.told(number) if isinstance(m, LivePlane | LiveView)]
    assert "with 1 channel, and color has 3" in loop.status()
    desk.choice.image, desk.choice.annotation = first, layer
    told(LiveView)
    qtbot.waitUntil(lambda: loop.status() == LEARNING)


def test_image_data_of_another_size_pause_in_words(qtbot, desk, loop, strokes, fake, told, answer):
    number = switch_on(loop, fake)
    paint_two_classes(strokes)
    told(LivePlane)
    before = strokes.data.copy()
    desk.image.data = np.zeros((16, 20), np.float32)
    (erased,) = told(LiveStrokes)
    assert not erased.labels.any()
    assert "The strokes are 32 x 40 pixels, the image 16 x 20" in loop.status()
    answer(number, LiveTile(9, 9, "gone", (0, 32, 0, 40), np.ones((32, 40), np.uint8)))
    assert np.array_equal(strokes.data, before)


def test_image_data_of_the_same_size_are_learnt_from_anew(qtbot, desk, loop, strokes, fake, told):
    switch_on(loop, fake)
    paint_two_classes(strokes)
    (first,) = told(LivePlane)
    desk.image.data = np.ones((32, 40), np.float32)
    (second,) = told(LivePlane)
    assert second.key != first.key
    assert (second.image == 1).all()


@pytest.mark.parametrize("victim", ["image", "annotation"])
def test_strokes_of_a_layer_that_is_removed_are_taken_back(
    qtbot, desk, loop, strokes, fake, told, said, victim
):
    switch_on(loop, fake)
    paint_two_classes(strokes)
    told(LivePlane)
    layer = getattr(desk.choice, victim)
    setattr(desk.choice, victim, None)
    desk.viewer.layers.remove(layer)
    (erased,) = told(LiveStrokes)
    assert not erased.labels.any()
    assert "was removed" in said[-1]
    assert desk.session.state is State.LIVE
    assert "Press New strokes" in loop.status() or "Open an image" in loop.status()


def test_strokes_are_changed_for_those_of_another_layer(qtbot, desk, loop, strokes, fake, told):
    switch_on(loop, fake)
    paint_two_classes(strokes)
    told(LivePlane)
    other = new_annotation(desk.image, desk.session.classes)
    desk.viewer.add_layer(other)
    other.paint((25, 5), 2)
    desk.choice.annotation = other
    messages = told(LiveStrokes, lambda m: m.labels.any())
    labels = np.array(strokes.data, np.uint8)
    for message in messages:
        labels[slice(*message.box[:2]), slice(*message.box[2:])] = message.labels
    assert np.array_equal(labels, other.data)


def test_what_it_needs_and_that_it_is_good_enough_are_said(
    qtbot, desk, loop, strokes, fake, answer
):
    number = switch_on(loop, fake)
    answer(number, Waiting("nothing is painted."))
    assert loop.status().startswith("Paint at least one stroke")
    paint_two_classes(strokes)
    qtbot.waitUntil(lambda: len(desk.watch.counts) == 2)
    answer(number, Waiting("the image is flat."))
    assert loop.status() == "The image is flat."
    answer(number, Waiting(""))
    assert loop.status() == LEARNING
    answer(number, Settled("Good enough: your last 4 strokes were already right."))
    assert loop.status().startswith("Good enough")


def test_off_keeps_the_model(qtbot, desk, loop, strokes, fake, answer):
    number = switch_on(loop, fake)
    answer(number, Improved(3, 0.6, model_file(score=0.6)))
    assert desk.session.model is not None
    loop.switch(False)
    assert fake.stopped == [number]
    answer(number, Trained(9, 1.0, "stopped", 0.7, model_file(score=0.7)))
    assert desk.session.state is State.IDLE
    assert desk.session.model == model_file(score=0.7)


def test_off_before_anything_was_learnt_changes_nothing(desk, loop, strokes, fake, answer, said):
    number = switch_on(loop, fake)
    loop.switch(False)
    answer(number, Failed("nothing was learnt yet."))
    assert desk.session.state is State.IDLE
    assert said == []
    assert layer_names(desk.viewer) == ["cells", "strokes on cells"]


def test_is_refused_while_a_training_runs(desk, loop, strokes):
    desk.session.train(lambda: None, TrainSettings(seconds=10))
    with pytest.raises(InvalidInput, match="training is running"):
        loop.switch(True)


def test_a_loop_that_is_gone_ends_the_job(qtbot, desk, fake):
    loop = LiveLoop(desk, lambda s: TrainSettings(seconds=s))
    number = switch_on(loop, fake)
    loop.deleteLater()
    qtbot.waitSignal(loop.destroyed)
    qtbot.waitUntil(lambda: fake.stopped == [number])


def test_strokes_of_an_image_that_was_put_away_are_learnt_until_it_is_back(
    qtbot, desk, fake, loop, strokes, told
):
    paint_two_classes(strokes)
    loop.switch(True)
    (message,) = told(LiveStrokes, lambda message: message.labels.any())
    picture, own = desk.image.data.copy(), id_of(desk.image)
    for layer in (strokes, desk.image):
        remember(layer, put_away=True)
    for layer in (strokes, desk.image):
        desk.viewer.layers.remove(layer)
    desk.choice.annotation = desk.choice.image = None
    qtbot.wait(150)
    number = desk.session.live.job
    assert not [x for x in fake.told(number) if isinstance(x, LiveStrokes)]
    image = desk.viewer.add_image(picture, name="cells")
    give_id(image, own)
    back = new_annotation(image, desk.session.classes)
    back.data[:] = strokes.data
    desk.viewer.add_layer(back)
    desk.choice.image, desk.choice.annotation = image, back
    again = told(LiveStrokes, lambda message: message.labels.any())
    erased = [x for x in again if x.key == message.key]
    assert all(not x.labels.any() for x in erased)
    assert any(x.key != message.key and x.labels.any() for x in again)
