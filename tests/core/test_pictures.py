from __future__ import annotations

import numpy as np
import pytest
from imageio.v3 import imread

from napari_unet.core.events import Score, Step
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.pictures import grey_or_rgb, overlay, write_curves, write_png
from napari_unet.errors import UnwritableOutput

CLASSES = (
    ClassInfo(id=1, name="background", color="#00FF00"),
    ClassInfo(id=2, name="cell", color="#FF0000"),
)


class TestGreyOrRgb:
    def test_colour_pictures_are_shown_as_they_are(self, rng):
        plane = rng.integers(0, 255, (3, 9, 8)).astype(np.uint8)
        np.testing.assert_allclose(255 * grey_or_rgb(plane), np.moveaxis(plane, 0, -1), atol=1e-3)

    @pytest.mark.parametrize("channels", [1, 2, 3])
    def test_of_anything_else_the_first_channel_is_grey(self, rng, channels):
        picture = grey_or_rgb(1e4 * rng.normal(size=(channels, 40, 30)))
        assert picture.shape == (40, 30, 3)
        assert (picture[..., 0] == picture[..., 2]).all()
        assert (picture.min(), picture.max()) == (0, 1)


class TestOverlay:
    def test_shows_borders_solid_the_inside_through_and_no_background(self):
        plane = np.zeros((3, 9, 9), np.uint8)
        plane[2] = 200
        labels = np.ones((9, 9), np.uint8)
        labels[2:7, 2:7] = 2
        picture = overlay(plane, labels, CLASSES, background=1)
        assert picture.dtype == np.uint8
        assert picture[0, 0].tolist() == [0, 0, 200]
        assert picture[2, 4].tolist() == [255, 0, 0]
        inside = picture[4, 4].astype(int)
        assert 0 < inside[0] < 255
        assert 0 < inside[2] < 200


class TestFiles:
    def test_png_keeps_every_pixel(self, tmp_path, rng):
        picture = rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)
        write_png(tmp_path / "a.png", picture)
        np.testing.assert_array_equal(imread(tmp_path / "a.png"), picture)

    @pytest.mark.parametrize("count", [0, 1, 100])
    def test_curves_are_a_picture_however_short_the_training(self, tmp_path, count):
        steps = [Step(n, 1 / (n + 1), 0.1 * n, None) for n in range(count)]
        scores = [Score(count, 0.1 * count, 0.5, (0.5, 0.5), False)]
        write_curves(tmp_path / "a.png", steps, scores)
        picture = imread(tmp_path / "a.png")
        assert picture.shape[0] > 200
        assert len(np.unique(picture)) > 10

    def test_an_unwritable_place_is_told(self, tmp_path):
        with pytest.raises(UnwritableOutput):
            write_png(tmp_path / "no" / "a.png", np.zeros((4, 4, 3), np.uint8))
