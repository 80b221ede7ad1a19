"""Results of pixels that an image has no more do not pass for results of those it has now."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from napari.layers._source import layer_source

from fakes import model_file
from napari_unet.core.io.result import MadeFrom
from napari_unet.core.models.header import digest_of, header_of
from napari_unet.core.prediction.tile_probabilities import Description
from napari_unet.core.segmentation.provenance import Choices, made_from
from napari_unet.widgets.batch.stack_files import candidates_of
from napari_unet.widgets.common.result_age_note import ResultAgeNote
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.desk.result_age import ResultAge
from napari_unet.widgets.layers.origin import origin_of
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.roles import Role

PIXELS = np.arange(32 * 40, dtype=np.float32).reshape(32, 40)


@pytest.fixture
def predictions(desk):
    return Predictions(desk.viewer, desk.session)


@pytest.fixture
def age(desk):
    found = ResultAge(desk.viewer, desk.choice)
    yield found
    found.close()


@pytest.fixture
def note(qtbot, desk, age):
    label = ResultAgeNote(desk.choice, age)
    qtbot.addWidget(label)
    label.show()
    return label


@pytest.fixture
def segment(desk, predictions, fake, answer):
    """Segment the chosen image, or a region of it, with a model that says one class."""

    def go(class_id=2, *, model=None, region=None):
        image = desk.choice.image
        predictions.start(image, [()], model=model or model_file(), region=region)
        answer(fake.jobs[-1], *fake.predict(fake.jobs[-1], class_id))
        return segmentation_of(desk.viewer, image)

    return go


def stamped(qtbot, layer) -> MadeFrom:
    qtbot.waitUntil(lambda: origin_of(layer) is not None)
    return origin_of(layer)


def test_a_whole_segmentation_knows_image_model_and_options(qtbot, desk, age, segment):
    layer, model = segment(), model_file()
    first = origin_of(layer)
    assert first.model == digest_of(model) and '"axes": "YX"' in first.options
    desk.image.data = desk.image.data + 1
    segment()
    assert origin_of(layer).differences(first) == ("image",)
    segment(model=model_file(score=0.5))
    assert origin_of(layer).differences(first) == ("image", "model")


def test_a_batch_finds_what_it_would_say_itself(desk, segment):
    layer, model = segment(), model_file()
    ((_, candidate),) = candidates_of([desk.image], 2, by_file=False)
    described = Description(header_of(model), digest_of(model))
    choices = Choices(candidate.channels, candidate.level)
    assert origin_of(layer) == made_from(described, candidate.open(), choices, ["labels"])["labels"]


def test_a_part_is_of_its_image_and_of_no_one_model(qtbot, desk, age, segment):
    layer = segment(region=(0, 8, 0, 8))
    part = stamped(qtbot, layer)
    assert (part.model, part.options) == ("", "")
    assert part.image == origin_of(segment()).image
    assert origin_of(segment(region=(0, 8, 0, 8))) == part


def test_other_pixels_of_the_same_shape_are_said_until_all_is_made_anew(
    qtbot, desk, age, note, segment
):
    segment()
    qtbot.wait(50)
    assert not note.isVisible()
    desk.image.data = PIXELS
    qtbot.waitUntil(note.isVisible)
    assert note.text() == (
        "Note: cells had other pixels when what is shown was made (segmentation); make it anew."
    )
    segment(region=(0, 8, 0, 8))  # the rest is still of the pixels before
    qtbot.wait(50)
    assert age.outdated(desk.image) == (Role.SEGMENTATION,)
    segment()
    qtbot.waitUntil(lambda: not note.isVisible())


def test_the_same_pixels_again_are_the_same(qtbot, desk, age, note, segment):
    before = desk.image.data
    segment()
    desk.image.data = PIXELS
    qtbot.waitUntil(note.isVisible)
    desk.image.data = before.copy()
    qtbot.waitUntil(lambda: not note.isVisible())


def test_a_result_that_is_removed_is_said_no_more(qtbot, desk, age, note, segment):
    layer = segment()
    desk.image.data = PIXELS
    qtbot.waitUntil(note.isVisible)
    desk.viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not note.isVisible())


def test_another_image_has_results_of_its_own(qtbot, desk, age, note, segment):
    segment()
    desk.image.data = PIXELS
    qtbot.waitUntil(note.isVisible)
    desk.choice.image = desk.viewer.add_image(PIXELS, name="other")
    qtbot.waitUntil(lambda: not note.isVisible())
    desk.choice.image = desk.image
    qtbot.waitUntil(note.isVisible)


def test_an_image_that_was_changed_in_place_is_noticed_when_it_is_chosen(
    qtbot, desk, age, note, segment
):
    segment()
    other = desk.viewer.add_image(PIXELS, name="other")
    desk.choice.image = other
    desk.image.data[3] = 7
    desk.choice.image = desk.image
    qtbot.waitUntil(note.isVisible)


def test_a_file_that_was_changed_is_noticed_when_the_window_is_come_back_to(
    qtbot, desk, age, note, segment, tmp_path
):
    path = tmp_path / "lazy.tif"
    tifffile.imwrite(path, PIXELS)
    with layer_source(path=str(path)):
        image = desk.viewer.add_image(tifffile.memmap(path, mode="r"), name="lazy")
    desk.choice.image = image
    segment()
    qtbot.waitUntil(lambda: image in age._seen)
    tifffile.memmap(path)[3] = 7
    os.utime(path, ns=(1, 1))
    qtbot.wait(50)
    assert not note.isVisible()
    age.look(only_at_file=True)
    qtbot.waitUntil(note.isVisible)
