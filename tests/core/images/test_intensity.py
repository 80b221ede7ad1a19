"""An empty field is empty, few things are found, and gain and offset are undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.core.images.image_source import ImageSource
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
from napari_unet.core.images.resampling import Resampled

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


def test_without_noise_an_image_is_scaled_by_itself(trained):
    faint = np.zeros((1, 128, 128))
    faint[:, 5:30, :80] = 2.0
    assert scaled(faint, Scaling("automatic", trained)).max() == 1.0


def textured(grain: float, *, seed: int = 3, side: int = 256) -> np.ndarray:
    """Tissue, (1, Y, X): all of it full of spots of many sizes, with noise as strong as they."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1.0, (side, side))
    for sigma in (2, 4, 8, 16):
        spots = ndimage.gaussian_filter(rng.normal(0, 1, (side, side)), sigma, mode="wrap")
        image += grain * spots / spots.std()
    return 100 + 10 * image[None]


def crowd(share: float) -> np.ndarray:
    """Squares of 17 px anywhere, one over the other, (1, Y, X): 0 and 1."""
    centres = np.random.default_rng(2).random((1, 256, 256)) < share
    return ndimage.maximum_filter(centres * 1, (1, 17, 17))


IMAGES = {
    "tissue": textured(0.7),
    "faint cells": field(60, signal=3 * NOISE),
    "many faint cells": field(0) + 3 * NOISE * crowd(0.001),
    "a mask of many cells": 255 * crowd(0.001),
    "saturated": np.clip(field(60, signal=8 * NOISE), OFFSET, OFFSET + 3 * NOISE),
    "a mask": 255.0 * (field(60) > OFFSET + SIGNAL / 2),
    "three values": np.digitize(field(60, signal=5 * NOISE), [OFFSET, OFFSET + 3 * NOISE]) * 1.0,
    "without noise": ndimage.gaussian_filter(field(60), (0, 4, 4)),
}


@pytest.mark.parametrize("changed", ["as it is", "blurred", "doubled", "halved"])
@pytest.mark.parametrize("name", IMAGES)
def test_an_image_that_shows_things_is_never_empty(trained, name, changed):
    image = {
        "as it is": lambda x: x,
        "blurred": lambda x: ndimage.gaussian_filter(x, (0, 1, 1)),
        "doubled": lambda x: ndimage.zoom(x, (1, 2, 2), order=1),
        "halved": lambda x: x.reshape(1, 128, 2, 128, 2).mean(axis=(2, 4)),
    }[changed](IMAGES[name])
    assert Scaling("automatic", trained).emptiness(intensities_of(image)) == 0


def noise(side: int = 256) -> np.ndarray:
    return np.random.default_rng(5).normal(OFFSET, NOISE, (side, side))


NOISES = {
    "of a lens": ndimage.gaussian_filter(noise(), 1.0),
    "of few photons": np.random.default_rng(0).poisson(1.0, (256, 256)).astype(np.uint8),
    "of single photons": np.random.default_rng(0).poisson(0.05, (512, 512)).astype(np.uint8),
    "of few values": np.rint(noise() / 12).astype(np.uint8),
    "interpolated": ndimage.zoom(noise(), 2, order=1),
    "with a slope": noise() + np.linspace(0, 3 * NOISE, 256)[:, None],
    "with hot pixels": noise() + 900 * (np.random.default_rng(1).random((256, 256)) < 0.0005),
    "clipped": np.maximum(noise() - OFFSET, 0),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_of_any_kind_is_empty(trained, name):
    seen = intensities_of(NOISES[name][None])
    assert Scaling("automatic", trained).emptiness(seen) > 0.9


def test_nothing_is_empty_for_a_training_that_cannot_be_told_from_noise():
    trained = tuple(replace(one, high=one.low + 3 * one.span) for one in intensities_of(field(0)))
    assert Scaling("automatic", trained).emptiness(intensities_of(field(0, seed=1))) == 0


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
    low, high = (
        (Intensity(0.0, 10.0, 10.0, 2.0, 1.0, 0.9),),
        (Intensity(5.0, 90.0, 85.0, 8.0, 3.0, 0.2),),
    )
    (found,) = pooled([low, high])
    assert (found.low, found.high, found.bulk, found.ground, found.noise) == (0, 90, 90, 5, 2)


def test_ranges_are_the_same_within_a_share_of_them():
    one = (Intensity(0.0, 100.0, 100.0, 2.0, 1.0, 0.2),)
    assert same_range(one, (Intensity(1.0, 98.0, 97.0, 2.0, 1.0, 0.2),))
    assert not same_range(one, (Intensity(10.0, 100.0, 90.0, 2.0, 1.0, 0.2),))


@pytest.mark.parametrize("factors", [(0.5, 0.5), (2.0, 2.0)])
def test_a_resampled_image_is_scaled_as_the_one_that_is_stored(factors):
    image = field(60, signal=5 * NOISE, gain=3.0)
    trained = typical([intensities_of(field(60))])
    stored = ImageSource.from_array(image[0], "YX").plane()
    scaling = Scaling("automatic", trained)
    assert scaling.of(Resampled(stored, factors).intensities()) == scaling.of(intensities_of(image))
