"""An empty field is empty, few things are found, and gain and offset are undone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.images.intensity import (
    WAYS,
    Intensity,
    Scaling,
    pooled,
    same_range,
    typical,
    with_ground,
)
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.images.normalise import rescale

NOISE, SIGNAL, OFFSET = 10.0, 200.0, 300.0


def field(cells: int, *, gain=1.0, added=0.0, signal=SIGNAL, side=256, seed=0) -> np.ndarray:
    """Noise with squares of 10 px on a grid, (1, Y, X)."""
    rng = np.random.default_rng(seed)
    image = rng.normal(OFFSET, NOISE, (side, side))
    for number in range(cells):
        row, column = divmod(number, side // 16)
        image[16 * row : 16 * row + 10, 16 * column : 16 * column + 10] += signal
    return gain * image[None] + added


@pytest.fixture
def trained() -> tuple[Intensity, ...]:
    image = field(60, seed=7)
    background = image[:, image[0] < OFFSET + SIGNAL / 2]
    return typical([with_ground(intensities_of(image), background)])


def scaled(image: np.ndarray, scaling: Scaling) -> np.ndarray:
    return rescale(image, scaling.of(intensities_of(image)))


@pytest.mark.parametrize(("gain", "added"), [(1.0, 0.0), (0.4, 50.0), (2.5, -700.0), (30.0, 9.0)])
class TestAutomatic:
    def test_an_empty_field_looks_like_the_ground_of_a_full_one(self, trained, gain, added):
        empty = scaled(field(0, gain=gain, added=added), Scaling("automatic", trained))
        full = scaled(field(60), Scaling("automatic", trained))
        ground = full[:, 160:]
        assert empty.mean() == pytest.approx(ground.mean(), abs=0.03)
        assert empty.std() == pytest.approx(ground.std(), rel=0.15)

    @pytest.mark.parametrize("cells", [1, 3, 16, 150])
    def test_things_are_as_bright_however_many_there_are(self, trained, gain, added, cells):
        found = scaled(field(cells, gain=gain, added=added), Scaling("automatic", trained))
        thing = found[0, 2:8, 2:8].mean()
        expected = scaled(field(60), Scaling("automatic", trained))[0, 2:8, 2:8].mean()
        assert thing == pytest.approx(expected, abs=0.12)

    def test_things_that_bleach_are_as_bright(self, trained, gain, added):
        for left in (0.6, 0.4):
            image = field(60, gain=gain, added=added, signal=left * SIGNAL)
            found = scaled(image, Scaling("automatic", trained))
            assert found[0, 2:8, 2:8].mean() > 0.75

    def test_by_itself_the_noise_of_an_empty_field_fills_the_range(self, trained, gain, added):
        empty = scaled(field(0, gain=gain, added=added), Scaling("image", trained))
        assert empty.std() > 0.15


def test_dark_things_on_a_bright_ground_leave_an_empty_field_bright():
    image = -field(60, seed=7)
    background = image[:, image[0] > -OFFSET - SIGNAL / 2]
    trained = typical([with_ground(intensities_of(image), background)])
    full = scaled(image, Scaling("automatic", trained))
    empty = scaled(-field(0, gain=2.0), Scaling("automatic", trained))
    assert empty.mean() == pytest.approx(full[:, 160:].mean(), abs=0.05)


def test_each_channel_by_itself(trained):
    image = np.concatenate([field(0), field(60, gain=3.0)])
    seen = intensities_of(image)
    found = Scaling("automatic", trained * 2).of(seen)
    assert found[0] != seen[0] and found[1] == seen[1]


def test_a_field_of_one_value_is_ground(trained):
    image = np.full((1, 20, 20), 77.0)
    found = scaled(image, Scaling("automatic", trained))
    assert found == pytest.approx(trained[0].place, abs=1e-3)


def test_without_noise_the_gain_is_taken_as_it_was():
    image = np.zeros((1, 100, 100))
    image[:, :30, :30] = 200.0
    trained = typical([intensities_of(image)])
    faint = np.zeros((1, 100, 100))
    faint[:, 5, :80] = 2.0
    assert scaled(faint, Scaling("automatic", trained)).max() < 0.05


def test_as_the_training_images_undoes_nothing(trained):
    image = field(60, gain=2.0)
    (found,) = Scaling("training", trained).of(intensities_of(image))
    assert (found.low, found.high) == (trained[0].low, trained[0].high)


@pytest.mark.parametrize("way", WAYS)
def test_without_a_reference_each_image_is_scaled_by_itself(way):
    seen = intensities_of(field(0))
    assert Scaling(way).of(seen) == seen


def test_empty_training_images_are_no_reference(trained):
    full, empty = intensities_of(field(60)), intensities_of(field(0))
    assert typical([empty, full, empty, empty]) == full
    assert typical([empty], before=full) == full
    assert typical([empty]) == empty


def test_few_things_that_percentiles_miss_are_in_the_range():
    (found,) = intensities_of(field(1))
    assert found.high == pytest.approx(OFFSET + SIGNAL, abs=3 * NOISE)
    single = field(0)
    single[0, 100, 100] = 60000
    (found,) = intensities_of(single)
    assert found.high < OFFSET + 5 * NOISE


@pytest.mark.parametrize("cells", [0, 60])
def test_noise_is_measured_whatever_else_is_there(cells):
    assert intensities_of(field(cells))[0].noise == pytest.approx(NOISE, rel=0.1)


def test_planes_together_have_one_range():
    low, high = (Intensity(0.0, 10.0, 10.0, 2.0, 1.0),), (Intensity(5.0, 90.0, 85.0, 8.0, 3.0),)
    (found,) = pooled([low, high])
    assert (found.low, found.high, found.bulk, found.ground, found.noise) == (0, 90, 90, 5, 2)


def test_ranges_are_the_same_within_a_share_of_them():
    one = (Intensity(0.0, 100.0, 100.0, 2.0, 1.0),)
    assert same_range(one, (Intensity(1.0, 98.0, 97.0, 2.0, 1.0),))
    assert not same_range(one, (Intensity(10.0, 100.0, 90.0, 2.0, 1.0),))
