"""What is noticed of strokes, images and results, on tiny cases whose truth is known."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fakes import model_file
from napari_unet.core.diagnosis import (
    FEW_PIXELS,
    Seen,
    contradicting_pixels,
    joined,
    of_grey_values,
    of_model,
    of_result,
    of_strokes,
    of_training,
)
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import header_of

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
CLASSES = describe_classes((1, 2, 3), "scribbles")
TRAINED = ((100.0, 900.0),)


def anchors(findings):
    return [finding.anchor for finding in findings]


class TestStrokes:
    def test_of_two_classes_with_enough_pixels_are_fine(self):
        assert of_strokes({1: 200, 2: 90}) == ()

    def test_without_background_are_noticed(self):
        (finding,) = of_strokes({2: 200, 3: 200}, CLASSES)
        assert finding.anchor == "no-background-strokes"
        assert finding.text.startswith("Nothing is painted as background, class 1; ")

    @pytest.mark.parametrize("pixels", [1, 5, FEW_PIXELS - 1])
    def test_with_a_few_pixels_are_noticed_with_the_name(self, pixels):
        (finding,) = of_strokes({1: 200, 3: pixels}, CLASSES)
        assert finding.anchor == "a-class-with-a-few-pixels"
        assert f"only {pixels} pixel" in finding.what and "“class 3”" in finding.what

    def test_at_the_limit_are_fine(self):
        assert of_strokes({1: 200, 2: FEW_PIXELS}) == ()

    @pytest.mark.parametrize("counts", [{}, {2: 5}, {2: 5, 3: 0}])
    def test_that_cannot_be_trained_on_are_refused_elsewhere(self, counts):
        assert of_strokes(counts) == ()

    def test_that_fill_the_plane_have_their_background_at_zero(self):
        assert of_strokes({0: 900, 2: 100}, kind="classes") == ()
        assert of_strokes({0: 900, 7: 5}, kind="instances") == ()


class TestContradictions:
    def test_are_counted_where_both_are_painted(self):
        one, other = np.array([[0, 1, 2, 2]]), np.array([[2, 1, 1, 3]])
        assert contradicting_pixels(one, other) == 2
        assert contradicting_pixels(one, other, "classes") == 3
        assert contradicting_pixels(one, other, "instances") == 0

    def test_of_an_image_that_is_given_twice_are_noticed(self):
        rng = np.random.default_rng(0)
        image, other = rng.random((2, 20, 20))
        strokes = np.zeros((20, 20), np.uint8)
        strokes[:5], strokes[10:15] = 1, 2
        changed = strokes.copy()
        changed[0, :7] = 2
        (finding,) = of_training(
            [image, other, image.copy()], [strokes, strokes, changed], "scribbles"
        )
        assert finding.anchor == "strokes-of-two-classes-on-the-same-pixels"
        assert "7 pixels" in finding.what and "image 1" in finding.what
        assert "image 3" in finding.what

    def test_of_two_images_are_none(self):
        images = [np.zeros((20, 20)), np.ones((20, 20))]
        strokes = np.repeat([[1], [2]], 200).reshape(20, 20)
        assert of_training(images, [strokes, 3 - strokes], "scribbles") == ()


class TestGreyValues:
    @pytest.mark.parametrize(
        ("seen", "how"),
        [
            ((100.0, 4000.0), "brighter"),
            ((1000.0, 1100.0), "brighter"),
            ((40.0, 300.0), "darker"),
            ((0.0, 1.0), "darker"),
            ((120.0, 700.0), None),
            ((50.0, 2000.0), None),
            ((5000.0, 5000.0), None),  # shows one value
        ],
    )
    def test_far_from_those_of_the_training_are_noticed(self, seen, how):
        found = of_grey_values(TRAINED, (seen,))
        if how is None:
            assert found == ()
        else:
            (finding,) = found
            assert f"much {how} than" in finding.what and "there 100 to 900" in finding.what

    def test_of_several_channels_say_which(self):
        found = of_grey_values(TRAINED * 2, ((100.0, 900.0), (0.0, 60000.0)))
        assert [finding.what.partition(" is ")[0] for finding in found] == [
            "channel 1 of the image"
        ]

    def test_are_joined_channel_by_channel(self):
        assert joined([((1.0, 5.0),), (), ((0.0, 2.0),)]) == ((0.0, 5.0),)
        assert joined([(), ()]) == ()

    def test_that_were_not_kept_say_nothing(self):
        assert of_grey_values((), ((0.0, 60000.0),)) == ()


class TestResult:
    header = header_of(model_file())

    def test_of_one_class_is_noticed_with_its_name(self):
        (finding,) = of_result([1], self.header)
        assert finding.anchor == "a-result-of-one-class"
        assert "“background”" in finding.what

    def test_of_two_or_none_is_fine(self):
        assert of_result([1, 2], self.header) == of_result([], self.header) == ()

    def test_is_judged_when_all_pieces_are_seen(self):
        seen = Seen(self.header)
        seen.add_classes(np.full((4, 4), 2))
        assert anchors(seen.findings()) == ["a-result-of-one-class"]
        seen.add_classes(np.full((4, 4), 1))
        assert seen.findings() == ()

    def test_comes_with_the_grey_values_of_all_pieces(self):
        record = self.header.history[-1].model_copy(update={"grey_values": TRAINED})
        seen = Seen(self.header.model_copy(update={"history": (record,)}))
        seen.add_grey_values(((150.0, 800.0),))
        assert seen.findings() == ()
        seen.add_grey_values(((150.0, 9000.0),))
        assert anchors(seen.findings()) == ["an-image-much-brighter-or-darker"]


def test_a_model_is_judged_by_its_last_training():
    header = header_of(model_file())
    record = header.history[-1].model_copy(update={"labelled_pixels": {2: 5, 3: 100}})
    header = header.model_copy(update={"history": (*header.history, record)})
    assert anchors(of_model(header)) == ["no-background-strokes", "a-class-with-a-few-pixels"]
    assert of_model(header.model_copy(update={"history": ()})) == ()


def test_every_finding_leads_to_a_heading_that_is_there():
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    there = {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}
    source = Path(__file__).parents[2] / "src" / "napari_unet" / "core" / "diagnosis.py"
    named = re.findall(r'"((?:no|a|an|strokes)-[a-z-]+)"', source.read_text(encoding="utf-8"))
    assert len(named) == 5
    assert set(named) <= there
