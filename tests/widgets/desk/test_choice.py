"""Whatever napari lets a user change about the chosen image is followed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.widgets.common.picture_row import PictureRow
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.picture import choose_axes, picture_of


@pytest.fixture
def choice(desk) -> Choice:
    desk.choice.image = desk.viewer.add_image(
        np.zeros((3, 32, 40), np.float32), axis_labels=("z", "y", "x"), name="stack"
    )
    return desk.choice


@pytest.fixture
def heard(choice) -> list[str]:
    told: list[str] = []
    choice.image_retaken.connect(lambda _image: told.append("retaken"))
    choice.image_measured.connect(lambda _image: told.append("measured"))
    return told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda image: setattr(image, "axis_labels", ("t", "y", "x")), ["retaken"]),
        (lambda image: choose_axes(image, "CYX"), ["retaken"]),
        (lambda image: setattr(image, "data", np.ones((2, 8, 8))), ["retaken"]),
        (lambda image: setattr(image, "scale", (2, 0.5, 0.5)), ["measured"]),
        (lambda image: setattr(image, "units", ("um", "um", "um")), ["measured"]),
        (lambda image: setattr(image, "name", "other"), []),
        (lambda image: setattr(image, "metadata", {"mine": 1}), []),
    ],
)
def test_a_change_is_told_once(choice, heard, change, told):
    change(choice.image)
    assert list(dict.fromkeys(heard)) == told


def test_of_a_layer_that_is_chosen_no_more_nothing_is_told(choice, heard):
    before = choice.image
    choice.image = None
    before.scale = (2, 1, 1)
    before.axis_labels = ("t", "y", "x")
    assert heard == []


def test_the_row_shows_what_the_image_is_now(qtbot, desk, choice):
    row = PictureRow(desk.viewer, desk.session, choice)
    qtbot.addWidget(row)
    choice.image.axis_labels = ("t", "y", "x")
    assert picture_of(choice.image).own.axes == "TYX"
    assert "time" in row.label.text()
