"""The linear head: fits what is linear, of any classes, the same each time, and survives a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.core.forest.linear_head import LinearHead, fit_linear_head
from napari_unet.core.network.encoder import FEATURES, TAP_CHANNELS, TAP_STRIDES
from napari_unet.core.network.taps import values_at
from napari_unet.errors import InvalidModel


def three_classes(count: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Values whose first three say the class, the others noise, on scales that differ."""
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=count)
    values = rng.normal(size=(count, FEATURES)).astype(np.float32)
    values[np.arange(count), classes] += 4
    return values * np.linspace(0.1, 50, FEATURES, dtype=np.float32) + 7, classes


def test_it_finds_the_classes_and_gives_probabilities():
    values, classes = three_classes()
    head = fit_linear_head(values[:600], classes[:600], 3)
    p = head.predict(values[600:])
    np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-5)
    assert (p.argmax(axis=0) == classes[600:]).mean() > 0.9


def test_the_same_pixels_give_the_same_head():
    values, classes = three_classes()
    first, second = (fit_linear_head(values, classes, 3) for _ in range(2))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])


@pytest.mark.parametrize("missing", [[0], [1], [2], [0, 2]])
def test_a_class_without_strokes_is_never_found(missing):
    values, classes = three_classes()
    there = ~np.isin(classes, missing)
    p = fit_linear_head(values[there], classes[there], 3).predict(values)
    assert p[missing].max() < 1e-6
    assert (p.argmax(axis=0)[there] == classes[there]).mean() > 0.9


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    values, classes = three_classes()
    kept = (classes == 0) | (np.arange(len(classes)) < 100)
    p = fit_linear_head(values[kept], classes[kept], 3).predict(values)
    for index in range(3):
        assert (p.argmax(axis=0)[classes == index] == index).mean() > 0.85


def test_of_very_many_pixels_it_takes_as_many_of_each_class():
    values, classes = (np.tile(one, (20, 1)[: one.ndim]) for one in three_classes())
    head = fit_linear_head(values, classes, 3)
    assert (head.predict(values[:900]).argmax(axis=0) == classes[:900]).mean() > 0.9


def test_a_map_from_taps_is_what_the_values_at_its_pixels_give():
    values, classes = three_classes()
    head = fit_linear_head(values, classes, 3)
    torch.manual_seed(0)
    taps = tuple(
        10 * torch.rand(1, channels, 32 // stride, 48 // stride)
        for channels, stride in zip(TAP_CHANNELS, TAP_STRIDES, strict=True)
    )
    rows, columns = (part.ravel() for part in np.mgrid[:30, :41])
    wanted = head.predict(values_at(taps, rows, columns))
    found = head.predict_taps(taps, (30, 41)).numpy().reshape(3, -1)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_head_comes_back_from_its_arrays():
    values, classes = three_classes()
    head = fit_linear_head(values, classes, 3)
    again = LinearHead.checked(head.arrays(), 3)
    np.testing.assert_array_equal(again.predict(values), head.predict(values))


@pytest.mark.parametrize("damage", ["missing", "shape", "nan", "scale", "type"])
def test_damaged_arrays_are_refused(damage):
    arrays = fit_linear_head(*three_classes(), 3).arrays()
    if damage == "missing":
        del arrays["bias"]
    elif damage == "shape":
        arrays["weights"] = arrays["weights"][:2]
    elif damage == "nan":
        arrays["mean"] = np.full_like(arrays["mean"], np.nan)
    elif damage == "scale":
        arrays["scale"] = np.zeros_like(arrays["scale"])
    else:
        arrays["bias"] = arrays["bias"].astype(np.float64)
    with pytest.raises(InvalidModel):
        LinearHead.checked(arrays, 3)
