"""Layers are sent to the learner in portions, and what comes back is written or dropped."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import model_file
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import Failed, Predicted, Progress
from napari_unet.widgets.desk import prediction_task
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.picture import choose_axes
from napari_unet.widgets.layers.results import segmentation_of


@pytest.fixture
def predictions(qapp, model, session):
    return Predictions(model, session)


@pytest.fixture
def ended(predictions):
    heard = []
    predictions.ended.connect(lambda *what: heard.append(what))
    return heard


@pytest.fixture
def image(model):
    return model.add_image(np.zeros((6, 8)), name="cells")


def test_a_prediction_becomes_a_layer(model, fake, answer, predictions, ended, image):
    task = predictions.start(image, [()], model=model_file())
    (job,) = fake.jobs
    answer(job, *fake.predict(job, 2))
    assert (segmentation_of(model, image).data == 2).all()
    assert ended == [(task, "", False)]
    assert not predictions.is_running(task)


def test_without_a_model_nothing_starts(predictions, image):
    with pytest.raises(InvalidInput, match="no model"):
        predictions.start(image, [()])


def test_a_task_stays_with_its_model(session, fake, answer, predictions, model, monkeypatch):
    monkeypatch.setattr(prediction_task, "_BYTES_AT_ONCE", 1)
    stack = model.add_image(np.zeros((2, 6, 8)), axis_labels=("z", "y", "x"))
    first = model_file((1, 2))
    predictions.start(stack, [(0,), (1,)], model=first)
    answer(fake.jobs[0], *fake.predict(fake.jobs[0], 2))
    assert fake.jobs[1].prepare().model == first


def test_a_stack_is_sent_in_portions_with_progress_over_all(
    model, fake, answer, predictions, ended, monkeypatch
):
    monkeypatch.setattr(prediction_task, "_BYTES_AT_ONCE", 2 * 6 * 8 * 8)
    stack = model.add_image(np.zeros((5, 6, 8)))
    fractions = []
    predictions.progressed.connect(lambda _task, fraction: fractions.append(fraction))
    task = predictions.start(stack, [(i,) for i in range(5)], model=model_file())
    for number, planes in enumerate((2, 2, 1)):
        job = fake.jobs[number]
        assert len(job.prepare().images) == planes
        answer(job, Progress(1, 2), *fake.predict(job, 2))
    assert fractions == pytest.approx([0.2, 0.6, 0.9])
    assert ended == [(task, "", False)]
    assert (segmentation_of(model, stack).data == 2).all()


def test_stop_between_portions_ends_the_task(model, fake, answer, predictions, ended, monkeypatch):
    monkeypatch.setattr(prediction_task, "_BYTES_AT_ONCE", 1)
    stack = model.add_image(np.zeros((3, 6, 8)), axis_labels=("z", "y", "x"))
    task = predictions.start(stack, [(0,), (1,), (2,)], model=model_file())
    predictions.stop(task)
    assert fake.stopped == [fake.jobs[0].number]
    answer(fake.jobs[0], *fake.predict(fake.jobs[0], 2))
    assert len(fake.jobs) == 1
    assert ended == [(task, "", True)]
    assert (segmentation_of(model, stack).data[0] == 2).all()


def test_a_removed_layer_ends_its_task_and_late_results_are_dropped(
    model, fake, answer, predictions, ended, image
):
    task = predictions.start(image, [()], model=model_file())
    answers = fake.predict(fake.jobs[0], 2)
    model.layers.remove(image)
    assert ended == [(task, "the layer was removed.", False)]
    answer(fake.jobs[0], *answers)
    assert len(model.layers) == 0
    assert len(ended) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda image: setattr(image, "data", np.zeros((4, 4, 4))),
        lambda image: setattr(image, "data", np.ones((2, 6, 8))),
        lambda image: setattr(image, "axis_labels", ("c", "y", "x")),
        lambda image: choose_axes(image, "TYX"),
    ],
)
def test_results_for_an_image_that_is_another_now_are_dropped_aloud(
    model, fake, answer, predictions, ended, change
):
    stack = model.add_image(np.zeros((2, 6, 8)), axis_labels=("z", "y", "x"))
    task = predictions.start(stack, [(0,)], model=model_file())
    answers = fake.predict(fake.jobs[0], 2)
    change(stack)
    answer(fake.jobs[0], *answers)
    assert segmentation_of(model, stack) is None
    ((number, error, stopped),) = ended
    assert (number, stopped) == (task, False)
    assert "segment it again" in error


def test_a_failure_is_reported(fake, answer, predictions, ended, image):
    task = predictions.start(image, [()], model=model_file())
    answer(fake.jobs[0], Failed("no memory left."))
    assert ended == [(task, "no memory left.", False)]


def test_two_tasks_do_not_mix(model, fake, answer, predictions, ended, image):
    other = model.add_image(np.zeros((4, 4)))
    first = predictions.start(image, [()], model=model_file())
    second = predictions.start(other, [()], model=model_file())
    answer(fake.jobs[1], *fake.predict(fake.jobs[1], 1))
    answer(fake.jobs[0], Predicted(stopped=True))
    assert ended == [(second, "", False), (first, "", True)]
    assert segmentation_of(model, image) is None
    assert segmentation_of(model, other) is not None
