from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import measure

from napari_unet.core.labels import border_weights as distances
from napari_unet.core.labels import scribble_border_weights as module
from napari_unet.core.labels.border_weights import border_weights
from napari_unet.core.labels.scribble_border_weights import scribble_border_weights
from napari_unet.errors import InvalidInput


@pytest.mark.parametrize(
    ("instances", "w0", "sigma"),
    [
        (np.full((3, 3), 0.5), 10, 5),
        (np.full((3, 3), -1), 10, 5),
        (np.zeros(3, int), 10, 5),
        (np.zeros((3, 3), int), -1, 5),
        (np.zeros((3, 3), int), np.nan, 5),
        (np.zeros((3, 3), int), 10, 0),
        (np.zeros((3, 3), int), 10, np.inf),
    ],
)
def test_bad_input_is_refused(instances, w0, sigma):
    with pytest.raises(InvalidInput):
        scribble_border_weights(instances, w0=w0, sigma=sigma)


class TestScribbles:
    """Under scribbles the term applies on labelled background between two painted objects only."""

    labels = np.array(
        [
            [2, 0, 1, 1, 0, 2, 2],
            [2, 0, 0, 1, 0, 0, 2],
            [2, 0, 1, 1, 0, 2, 2],
        ]
    )

    def test_only_painted_background_weighs(self):
        weights = scribble_border_weights(self.labels)
        np.testing.assert_array_equal(weights > 0, self.labels == 1)

    def test_separately_painted_strokes_of_one_class_are_two_objects(self):
        # At row 1, column 3 the nearest pixels are (0, 5), in the right stroke, and (1, 0).
        expected = 10 * np.exp(-((np.sqrt(5) + 3) ** 2) / 50)
        assert scribble_border_weights(self.labels)[1, 3] == pytest.approx(expected, abs=1e-5)

    def test_diagonal_contact_makes_one_stroke(self):
        assert not scribble_border_weights(np.array([[2, 0, 1], [0, 2, 1]])).any()

    def test_touching_classes_are_two_objects(self):
        weights = scribble_border_weights(np.array([[2, 3, 0, 1]]))
        assert weights[0, 3] == pytest.approx(10 * np.exp(-((2 + 3) ** 2) / 50), abs=1e-5)
        assert not weights[0, :3].any()

    def test_another_id_can_be_background(self):
        weights = scribble_border_weights(np.array([[1, 3, 2]]), background=3)
        np.testing.assert_array_equal(weights > 0, [[False, True, False]])

    def test_without_background_strokes_nothing_weighs(self):
        assert not scribble_border_weights(np.array([[2, 0, 2]])).any()


def over_the_whole(labels, **term) -> np.ndarray:
    """The weights of the whole image, cut to the strokes of the background."""
    strokes = measure.label(np.where(labels == 1, 0, labels), connectivity=labels.ndim)
    return np.where(labels == 1, border_weights(strokes, **term), np.float32(0))


sparse = st.sampled_from([0] * 12 + [1, 2, 3])


@settings(deadline=None)
@given(
    labels=st.one_of(
        hnp.arrays(np.uint8, (17, 23), elements=sparse),
        hnp.arrays(np.uint8, (5, 7, 9), elements=sparse),
    ),
    sigma=st.sampled_from([0.2, 0.7, 5.0]),
    uneven=st.booleans(),
)
def test_in_boxes_are_the_same_numbers(labels, sigma, uneven):
    term = {"w0": 10.0, "sigma": sigma, "sampling": (2.0, 1.0, 0.5)[: labels.ndim]}
    if not uneven:
        del term["sampling"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", {2: 4, 3: 3})
        found = scribble_border_weights(labels, **term)
    np.testing.assert_array_equal(found, over_the_whole(labels, **term))


def test_only_what_is_around_background_strokes_is_looked_at(monkeypatch):
    labels = np.zeros((1000, 1200), np.uint8)
    for row, column in ((100, 100), (900, 1100), (500, 127)):
        labels[row, column : column + 20] = 1
        labels[row - 5, column : column + 20] = 2
        labels[row + 5, column : column + 20] = 3
    sizes = []
    plain = distances._two_nearest
    monkeypatch.setattr(
        distances, "_two_nearest", lambda ids, *rest: sizes.append(ids.size) or plain(ids, *rest)
    )
    found = scribble_border_weights(labels)
    assert sum(sizes) < 0.03 * labels.size
    sizes.clear()
    np.testing.assert_array_equal(found, over_the_whole(labels))
    assert sizes == [labels.size]


def test_where_background_is_everywhere_the_image_is_looked_at_once(monkeypatch):
    labels = np.ones((300, 300), np.uint8)
    labels[::40] = 2
    sizes = []
    plain = distances._two_nearest
    monkeypatch.setattr(
        distances, "_two_nearest", lambda ids, *rest: sizes.append(ids.size) or plain(ids, *rest)
    )
    scribble_border_weights(labels)
    assert sizes == [labels.size]
