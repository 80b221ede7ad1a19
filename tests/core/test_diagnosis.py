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
    of_intensities,
    of_model,
    of_result,
    of_strokes,
    of_training,
)
from napari_unet.core.images.intensity import WAYS, Intensity, Scaling
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import header_of

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
CLASSES = describe_classes((1, 2, 3), "scribbles")


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


FULL = Intensity(low=100.0, high=900.0, bulk=800.0, ground=120.0, noise=10.0, evenness=0.1)
EMPTY = Intensity(low=95.0, high=147.0, bulk=52.0, ground=120.0, noise=10.0, evenness=1.0)


class TestIntensities:
    def test_of_an_image_that_shows_things_say_nothing(self):
        brighter = Intensity(1000.0, 9000.0, 8000.0, 1200.0, 100.0, 0.1)
        for way in WAYS[:2]:
            assert of_intensities(Scaling(way, (FULL,)), (brighter,)) == ()

    def test_of_an_empty_image_say_how_to_look_for_faint_things(self):
        (finding,) = of_intensities(Scaling("automatic", (FULL,)), (EMPTY,))
        assert "nothing but noise" in finding.what and "each image by itself" in finding.todo

    def test_of_an_empty_image_scaled_by_itself_say_what_helps(self):
        (finding,) = of_intensities(Scaling("image", (FULL,)), (EMPTY,))
        assert "nothing but noise" in finding.what and "automatic" in finding.todo

    @pytest.mark.parametrize(
        ("low", "high", "how"),
        [
            (100.0, 4000.0, "brighter"),
            (1000.0, 1100.0, "brighter"),
            (40.0, 300.0, "darker"),
            (120.0, 700.0, None),
            (5000.0, 5000.0, None),  # shows one value
        ],
    )
    def test_far_from_a_range_that_is_fixed_are_noticed(self, low, high, how):
        seen = Intensity(low, high, high - low, low, 1.0, 0.1)
        found = of_intensities(Scaling("training", (FULL, FULL)), (FULL, seen))
        if how is None:
            assert found == ()
        else:
            (finding,) = found
            assert finding.what.startswith(f"channel 1 of the image is much {how} than")
            assert "there 100 to 900" in finding.what and "automatic" in finding.todo

    def test_of_a_model_that_does_not_know_say_nothing(self):
        assert of_intensities(Scaling(), (EMPTY,)) == ()


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

    def test_of_an_empty_image_is_as_it_should_be(self):
        header = self.header.model_copy(update={"scaling": Scaling("automatic", (FULL,))})
        seen = Seen(header)
        seen.add_classes(np.full((4, 4), 1))
        seen.add_intensities((EMPTY,))
        assert anchors(seen.findings()) == ["an-image-unlike-the-training-images"]

    def test_is_judged_by_the_plane_that_shows_most(self):
        header = self.header.model_copy(update={"scaling": Scaling("automatic", (FULL,))})
        seen = Seen(header)
        for plane in (EMPTY, FULL, EMPTY):
            seen.add_intensities((plane,))
        assert seen.findings() == ()

    def test_does_not_count_what_was_not_imaged(self):
        seen = Seen(self.header)
        seen.add_classes(np.array([[0, 1], [0, 0]]))
        assert anchors(seen.findings()) == ["a-result-of-one-class"]
        seen.add_classes(np.array([[0, 2]]))
        assert seen.findings() == ()


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
