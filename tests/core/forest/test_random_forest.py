"""The random forest on filters."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from napari_unet.core.forest import random_forest
from napari_unet.core.forest.filters import FILTER_MARGIN, filters
from napari_unet.core.forest.random_forest import Forest, fit_forest
from napari_unet.errors import InvalidModel

K = 3


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """300 points of 5 values in three classes that overlap."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, K, 300)
    return (rng.normal(size=(300, 5)) + classes[:, None]).astype(np.float32), classes


@pytest.fixture(scope="module")
def forest(table) -> Forest:
    return fit_forest(*table, K, seed=0, trees=20)


def test_probabilities_are_those_of_scikit_learn(table, forest):
    values, classes = table
    points = np.random.default_rng(1).normal(size=(1000, 5)).astype(np.float32)
    halves = [
        kind(10, min_samples_leaf=4, random_state=0).fit(values, classes).predict_proba(points)
        for kind in (RandomForestClassifier, ExtraTreesClassifier)
    ]
    np.testing.assert_allclose(forest.predict(points).T, sum(halves) / 2, atol=1e-6)


def test_predicts_images_of_values(forest):
    values = np.random.default_rng(2).normal(size=(7, 9, 5)).astype(np.float32)
    found = forest.predict(values)
    assert found.shape == (K, 7, 9)
    np.testing.assert_allclose(found[:, 3, 4], forest.predict(values[3, 4]))


def test_a_class_without_pixels_has_probability_zero(table):
    values, classes = table
    found = fit_forest(values, classes, K + 1, seed=0, trees=5).predict(values)
    assert (found[K] == 0).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)


def test_arrays_make_the_same_forest_again(table, forest):
    again = Forest.checked(forest.arrays(), 5, K)
    np.testing.assert_array_equal(again.predict(table[0]), forest.predict(table[0]))


def _loop(arrays):
    arrays["children"][0] = 0


def _outside(arrays):
    arrays["children"][0] = 10**6


def _unknown_filter(arrays):
    arrays["filters"][0] = 5


def _not_finite(arrays):
    arrays["thresholds"][0] = np.nan


def _sizes(arrays):
    arrays["sizes"][0] += 1


def _one_child(arrays):
    arrays["children"][0, 1] = -1


def _before_the_first(arrays):
    arrays["children"][0] = -5


def _missing(arrays):
    del arrays["thresholds"]


def _type(arrays):
    arrays["children"] = arrays["children"].astype(np.float32)


@pytest.mark.parametrize(
    "spoil",
    [
        _loop,
        _outside,
        _unknown_filter,
        _not_finite,
        _sizes,
        _one_child,
        _before_the_first,
        _missing,
        _type,
    ],
)
def test_refuses_arrays_that_are_no_forest(forest, spoil):
    arrays = {name: array.copy() for name, array in forest.arrays().items()}
    spoil(arrays)
    with pytest.raises(InvalidModel, match="forest"):
        Forest.checked(arrays, 5, K)


@pytest.mark.parametrize("channels", [1, 2])
def test_filters_depend_on_no_more_than_their_margin(channels):
    rng = np.random.default_rng(3)
    patch = rng.random((channels, 2 * FILTER_MARGIN + 8, 2 * FILTER_MARGIN + 12), dtype=np.float32)
    other = patch.copy()
    wider = np.pad(other, ((0, 0), (20, 20), (20, 20)), mode="symmetric")
    inside = slice(FILTER_MARGIN, -FILTER_MARGIN)
    found = filters(patch)[inside, inside]
    assert found.shape == (8, 12, 24 * channels)
    np.testing.assert_allclose(
        found, filters(wider)[20:-20, 20:-20][inside, inside], rtol=1e-4, atol=1e-5
    )


def test_threads_that_predict_at_once_do_not_mix_their_trees(rng, monkeypatch):
    values = rng.random((40, 5)).astype(np.float32)
    fitted = random_forest.fit_forest(values, np.arange(40) % 2, 2, seed=0, trees=4)
    expected = fitted.predict(values)
    forest = Forest(**fitted.arrays())
    together, plain = threading.Barrier(2), random_forest._walkers

    def build(*args):
        together.wait(timeout=20)
        return plain(*args)

    monkeypatch.setattr(random_forest, "_walkers", build)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: forest.predict(values), range(2)))
    for probabilities in [*found, forest.predict(values)]:
        np.testing.assert_array_equal(probabilities, expected)
