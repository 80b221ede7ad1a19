"""How unsure a model is of a pixel, and where to paint next, against slow code and known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.core.prediction.uncertainty import (
    APART,
    WINDOW,
    Places,
    doubt_of,
    joined,
    next_place,
    places_of,
    uncertainty,
)

unsure_planes = arrays(
    np.float32,
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    elements=st.floats(0, 1, width=32),
    fill=st.just(0),
)


@st.composite
def probabilities(draw) -> np.ndarray:
    shape = (draw(st.integers(2, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    raw = draw(arrays(np.float64, shape, elements=st.floats(0.001, 1)))
    return (raw / raw.sum(axis=0)).astype(np.float32)


def nothing_painted(_position) -> bool:
    return False


def tour(places: Places, visited=(), is_painted=nothing_painted) -> list[tuple[int, ...]]:
    """Visit one place after the other until nothing is left."""
    found = [tuple(place) for place in visited]
    ndim = places.positions.shape[1]
    while (number := next_place(places, np.array(found).reshape(-1, ndim), is_painted)) is not None:
        found.append(tuple(places.positions[number].tolist()))
    return found[len(visited) :]


@given(probabilities())
def test_it_is_one_less_what_lies_between_the_two_most_probable_classes(given):
    found = uncertainty(given)
    assert found.dtype == np.float32
    for index in np.ndindex(*found.shape):
        second, first = sorted(given[:, *index])[-2:]
        assert found[index] == pytest.approx(1 - (first - second), abs=1e-6)


@given(probabilities(), st.randoms())
def test_the_order_of_the_classes_does_not_matter(given, random):
    order = list(range(len(given)))
    random.shuffle(order)
    assert np.array_equal(uncertainty(given), uncertainty(given[order]))


def test_certain_is_zero_undecided_is_one_and_a_third_class_that_is_out_does_not_count():
    given = np.array([[1, 0.5, 0.4], [0, 0.5, 0.4], [0, 0, 0.2]], np.float32)[:, None]
    assert uncertainty(given)[0] == pytest.approx([0, 1, 1])
    assert uncertainty(np.ones((1, 2, 3), np.float32)).tolist() == [[0] * 3] * 2


@given(unsure_planes)
def test_the_first_place_has_the_highest_mean_around_it_and_no_two_are_near(unsure):
    places = places_of(unsure)
    if min(unsure.shape) > WINDOW:
        means = np.lib.stride_tricks.sliding_window_view(unsure, (WINDOW, WINDOW)).mean((2, 3))
        where = tuple((places.positions - WINDOW // 2).T)
        assert places.scores == pytest.approx(means[where], abs=1e-4)
        assert places.scores.max(initial=0.01) == pytest.approx(max(means.max(), 0.01), abs=1e-4)
    went = tour(places)
    assert bool(went) == bool(len(places.scores))
    for number, place in enumerate(went):
        assert all(np.hypot(*np.subtract(place, other)) >= APART for other in went[:number])


def test_a_patch_comes_before_a_longer_line_of_the_same_height():
    """The border of a thing, one pixel wide, is not where a stroke helps most."""
    unsure = np.zeros((80, 120), np.float32)
    unsure[:, 20] = 1  # 80 pixels
    unsure[50:57, 80:87] = 1  # 49
    first, second = tour(places_of(unsure))[:2]
    assert np.abs(np.subtract(first, (53, 83))).max() <= WINDOW // 2
    assert abs(second[1] - 20) <= WINDOW // 2


def test_visited_and_painted_places_are_left_out_until_nothing_is():
    unsure = np.zeros((60, 200), np.float32)
    for column, height in ((30, 1.0), (90, 0.8), (150, 0.6)):
        unsure[26:34, column - 4 : column + 4] = height
    places = places_of(unsure)

    def columns(went):
        return [min((30, 90, 150), key=lambda column: abs(column - at[1])) for at in went]

    assert columns(tour(places))[:3] == [30, 90, 150]
    assert columns(tour(places, is_painted=lambda at: at[1] < 60))[:2] == [90, 150]
    assert 30 not in columns(tour(places, visited=[(30, 30)]))[:2]
    assert tour(places, is_painted=lambda _at: True) == []


def test_of_a_stack_the_least_sure_slice_comes_first_and_the_next_slices_not_at_that_place():
    unsure = np.zeros((6, 40, 90), np.float32)
    unsure[3, 18:23, 18:23] = 1
    unsure[4, 18:23, 18:23] = 0.9
    unsure[1, 18:23, 18:23] = 0.5
    went = tour(places_of(unsure))
    assert [place[0] for place in went[:2]] == [3, 1]


def test_a_model_that_is_sure_leaves_nothing_and_one_that_is_not_leaves_the_whole_plane():
    assert tour(places_of(np.full((50, 50), 0.004, np.float32))) == []
    assert len(tour(places_of(np.ones((50, 50), np.float32)))) >= 4


def test_parts_are_joined_and_none_is_nothing():
    part = places_of(np.ones((30, 30), np.float32))
    assert len(joined([part, part], 2).scores) == 2 * len(part.scores)
    assert next_place(joined([], 3), np.zeros((0, 3)), nothing_painted) is None


def test_what_is_shown_is_in_percent():
    doubt = doubt_of(np.array([[0, 0.256], [0.5, 1]], np.float32))
    assert doubt.percent.tolist() == [[0, 26], [50, 100]]
    assert doubt.percent.dtype == np.uint8
