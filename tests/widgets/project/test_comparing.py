"""Two versions on what is in view, with a learner that says what it is told."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names

from fakes import model_file
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import Failed, PlanePredicted, Predicted
from napari_unet.widgets.layers.picture import choose_axes
from napari_unet.widgets.project.comparing import Comparison


@pytest.fixture
def comparison(desk):
    made = Comparison(desk.viewer, desk.session, desk.choice, lambda: "cpu")
    yield made
    made.close()
    made.close()


@pytest.fixture
def told(comparison) -> list[str]:
    texts: list[str] = []
    comparison.said.connect(texts.append)
    return texts


def models(**options) -> dict[int, bytes]:
    return {number: model_file(score=number / 10, **options) for number in (2, 5)}


def test_each_version_has_a_layer_and_the_share_is_told(desk, comparison, fake, answer, told):
    comparison.start(models())
    first = np.ones((32, 40), np.uint8)
    second = first.copy()
    second[:8] = 2
    for job, ids in zip(fake.predictions, (first, second), strict=True):
        answer(job, PlanePredicted(0, ids, None), Predicted(stopped=False))
    assert set(layer_names(desk.viewer)) == {"cells", "cells by version 2", "cells by version 5"}
    assert np.array_equal(desk.viewer.layers["cells by version 5"].data, second)
    assert "differ in 25.0 %" in told[-1]


def test_again_the_layers_are_used_again(desk, comparison, fake, answer):
    for class_id in (1, 2):
        before = len(fake.predictions)
        comparison.start(models())
        for job in fake.predictions[before:]:
            answer(job, *fake.predict(job, class_id))
    assert len(desk.viewer.layers) == 3
    assert (desk.viewer.layers["cells by version 2"].data == 2).all()


def test_of_volumes_the_slice_in_view_is_compared(desk, comparison, fake, answer, told):
    stack = desk.viewer.add_image(np.zeros((6, 32, 40), np.float32), name="stack")
    choose_axes(stack, "ZYX")
    desk.choice.image = stack
    desk.viewer.dims.set_current_step(0, 4)
    comparison.start(models(dimensions=3))
    for job, class_id in zip(fake.predictions, (1, 2), strict=True):
        request = job.prepare()
        assert request.images[0].shape == (1, 6, 32, 40)
        top, bottom, *region = request.region
        assert (top, bottom) == (4, 5)
        ids = np.full((1, region[1] - region[0], region[3] - region[2]), class_id, np.uint8)
        answer(job, PlanePredicted(0, ids, None), Predicted(stopped=False))
    data = desk.viewer.layers["stack by version 5"].data
    assert [plane.any() for plane in data] == [False, False, False, False, True, False]
    assert "differ in 100.0 %" in told[-1]


def test_a_failure_is_told(comparison, fake, answer, told):
    comparison.start(models())
    answer(fake.predictions[0], Failed("memory ran out."))
    assert told[-1] == "They could not be compared: memory ran out."
    answer(fake.predictions[1], *fake.predict(fake.predictions[1], 1))
    assert told[-1] == "They could not be compared: memory ran out."


def test_an_image_that_is_removed_meanwhile_is_no_trouble(desk, comparison, fake, answer):
    comparison.start(models())
    desk.viewer.layers.remove(desk.image)
    for job in fake.predictions:
        answer(job, *fake.predict(job, 1))
    assert layer_names(desk.viewer) == []


def test_an_image_that_is_taken_otherwise_meanwhile_is_not_compared(
    desk, comparison, fake, answer, told
):
    stack = desk.viewer.add_image(np.zeros((3, 32, 40), np.float32), name="stack")
    choose_axes(stack, "ZYX")
    desk.choice.image = stack
    comparison.start(models())
    choose_axes(stack, "CYX")
    for job in fake.predictions:
        answer(job, *fake.predict(job, 1))
    assert layer_names(desk.viewer) == ["cells", "stack"]
    assert told[1:] == ["They could not be compared: the image is another one meanwhile."]


def test_what_does_not_fit_is_refused(desk, comparison, fake):
    with pytest.raises(InvalidInput, match="channels"):
        comparison.start(models(channels=3))
    desk.choice.image = None
    with pytest.raises(InvalidInput):
        comparison.start(models())
    assert fake.predictions == []
