"""Strokes across planes against connected components of the whole stack."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.labels.across_planes import numbered_across
from napari_unet.core.labels.targets import IGNORED, hold_out, make_target


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two numberings part the pixels into the same sets."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(set(pairs[0])) == pairs.shape[1] == len(set(pairs[1]))


@settings(deadline=None)
@given(hnp.arrays(np.uint8, (3, 5, 6), elements=st.sampled_from([0, 0, 1, 2])))
def test_are_the_connected_components_of_the_stack(stack):
    targets = [make_target(plane, "scribbles", [1, 2]) for plane in stack]
    found = numbered_across(
        [target.classes for target in targets],
        [target.strokes for target in targets],
        [("stack", (z,)) for z in range(3)],
        [(0, 0)] * 3,
    )
    plain, count = np.zeros(stack.shape, int), 0
    for class_id in (1, 2):
        parts, n = ndimage.label(stack == class_id, structure=np.ones((3, 3, 3)))
        plain[parts > 0] = parts[parts > 0] + count
        count += n
    assert alike(np.stack(found), plain)


def test_a_stroke_in_volumes_of_a_series_goes_on_in_time():
    one = np.zeros((2, 4, 4), int)
    one[0, 1, 1] = 1
    later = np.zeros((2, 4, 4), int)
    later[1, 2, 2], later[0, 0, 3] = 1, 2
    found = numbered_across(
        [np.minimum(one, 1), np.minimum(later, 1)],
        [one, later],
        [("series", (t,)) for t in range(2)],
        [(0, 0, 0)] * 2,
    )
    assert found[0][0, 1, 1] == found[1][1, 2, 2] != found[1][0, 0, 3] > 0


def test_parts_of_planes_lie_where_they_are_in_them():
    part = np.ones((2, 2), int)
    common = [np.zeros((2, 2), int)] * 2, [part, part], [("s", (3,)), ("s", (4,))]
    assert [a.max() for a in numbered_across(*common, [(10, 10), (12, 12)])] == [1, 1]
    assert [a.max() for a in numbered_across(*common, [(10, 10), (13, 12)])] == [1, 2]


def test_other_stacks_and_planes_further_off_are_apart():
    part = np.ones((2, 2), int)
    for places in ([("a", (3,)), ("b", (4,))], [("a", (3,)), ("a", (5,))]):
        classes = [np.zeros((2, 2), int)] * 2
        found = numbered_across(classes, [part, part], places, [(0, 0)] * 2)
        assert [plane.max() for plane in found] == [1, 2]


def test_a_stroke_across_planes_is_held_out_whole_or_not_at_all():
    stack = np.zeros((10, 40, 30), np.uint8)
    for number in range(5):
        for class_id in (1, 2):
            row = 8 * number + 4 * (class_id - 1)
            for z in range(10):
                stack[z, row, z : z + 16] = class_id
    targets = [make_target(plane, "scribbles", [1, 2]) for plane in stack]
    places = [(0, (z,)) for z in range(10)]
    held = hold_out(targets, "scribbles", 2, np.random.default_rng(0), places=places)
    classes = np.stack([target.classes for target in held])
    out = np.stack([target.held_out for target in held])
    of_stroke = {row: out[:, row][classes[:, row] != IGNORED] for row in range(0, 40, 4)}
    assert all(mask.all() or not mask.any() for mask in of_stroke.values())
    assert sum(mask.all() for mask in of_stroke.values()) == 2, "a fifth of each class"
