"""What is new, what went, and what is held out of a person's strokes."""

from __future__ import annotations

import numpy as np

from napari_unet.core.images.box import Tile
from napari_unet.core.live.stroke_book import StrokeBook, bounding_box


def _book() -> tuple[StrokeBook, np.ndarray]:
    book = StrokeBook()
    book.add_image((40, 60))
    return book, np.zeros((40, 60), np.uint8)


def test_nothing_new_is_none():
    book, labels = _book()
    assert book.update(0, labels) is None


def test_finds_each_new_stroke_with_its_class_and_pixels():
    book, labels = _book()
    labels[3, 5:20] = 1
    labels[10:20, 30] = 2
    found = book.update(0, labels)
    assert [(s.class_id, len(s.rows)) for s in found] == [(1, 15), (2, 10)]
    assert len({s.number for s in found}) == 2
    assert book.class_ids() == [1, 2]


def test_a_stroke_that_is_painted_on_keeps_its_number():
    book, labels = _book()
    labels[3, 5:20] = 1
    (first,) = book.update(0, labels)
    labels[3, 20:30] = 1
    (more,) = book.update(0, labels)
    assert more.number == first.number
    assert more.columns.tolist() == list(range(20, 30))


def test_a_touching_stroke_of_another_class_is_another():
    book, labels = _book()
    labels[3, 5:20] = 1
    (first,) = book.update(0, labels)
    labels[4, 5:20] = 2
    (other,) = book.update(0, labels)
    assert other.number != first.number


def test_erased_pixels_are_forgotten():
    book, labels = _book()
    labels[3, 5:20] = 1
    labels[9, 5:20] = 2
    book.update(0, labels)
    labels[9] = 0
    assert book.update(0, labels) == []
    assert book.class_ids() == [1]
    assert not book.numbers[0][9].any()


def test_repainted_pixels_change_class():
    book, labels = _book()
    labels[3, 5:20] = 1
    book.update(0, labels)
    labels[3, 5:20] = 2
    (stroke,) = book.update(0, labels)
    assert (stroke.class_id, len(stroke.rows)) == (2, 15)
    assert book.class_ids() == [2]


def test_strokes_are_held_out_whole_and_only_once_there_are_others():
    book, labels = _book()
    numbers = []
    for row in range(0, 36, 3):
        labels[row, 5:20] = 1
        numbers += [stroke.number for stroke in book.update(0, labels)]
        held = book.held_out(0)
        of_strokes = {number: held[book.numbers[0] == number] for number in numbers}
        assert all(mask.all() or not mask.any() for mask in of_strokes.values())
    assert [n for n, mask in of_strokes.items() if mask.all()] == [5, 11]
    labels[12, 20:30] = 1  # going on with the fifth
    book.update(0, labels)
    assert book.held_out(0)[12, 20:30].all()


def test_bounding_box_grows_but_stays_inside():
    mask = np.zeros((40, 60), bool)
    mask[3, 50:58] = True
    assert bounding_box(mask) == (slice(3, 4), slice(50, 58))
    assert bounding_box(mask, grown_by=5) == (slice(0, 9), slice(45, 60))


def _stack(depth: int, **places) -> tuple[StrokeBook, np.ndarray]:
    book = StrokeBook()
    for z in range(depth):
        book.add_image((40, 60), place=("stack", (z,)), **places)
    return book, np.zeros((depth, 40, 60), np.uint8)


def test_a_stroke_across_planes_is_one_and_held_out_whole():
    book, labels = _stack(3)
    numbers = []
    for row in range(0, 36, 3):
        for z in range(3):
            labels[z, row, 5 + z : 20 + z] = 1
            numbers += [stroke.number for stroke in book.update(z, labels[z])]
    assert numbers == [n for n in range(1, 13) for _ in range(3)]
    held = np.stack([book.held_out(z) for z in range(3)])
    assert held[:, 12].sum() == 45, "the fifth stroke"
    assert sorted({stroke.number for stroke in book.held_out_strokes(99)}) == [5, 11]


def test_planes_further_off_of_other_stacks_and_classes_are_apart():
    book, labels = _stack(3)
    other = book.add_image((40, 60), place=("another", (1,)))
    labels[:, 3, 5:20] = 1
    found = [book.update(0, labels[0]), book.update(2, labels[2]), book.update(other, labels[0])]
    labels[1, 3, 5:20] = 2
    found.append(book.update(1, labels[1]))
    assert [stroke.number for (stroke,) in found] == [1, 2, 3, 4]


def test_a_stroke_across_the_parts_of_a_large_plane_is_one():
    book = StrokeBook()
    for left in (0, 50):
        book.add_image((40, 60), place=("stack", (3,)), origin=(0, left))
    labels = np.zeros((40, 110), np.uint8)
    labels[3, 45:55] = 1
    parts = [labels[:, :60] * (np.arange(60) < 50), labels[:, 50:]]
    numbers = [book.update(index, part)[0].number for index, part in enumerate(parts)]
    assert numbers == [1, 1]


def test_many_pieces_are_found_in_one_pass(monkeypatch):
    passes = []
    monkeypatch.setattr(
        np, "nonzero", lambda a, plain=np.nonzero: passes.append(a.size) or plain(a)
    )
    seen = []
    for count in (2, 15):
        book, labels = _book()
        for row in range(0, 2 * count, 2):
            labels[row, row : row + 7] = 1
        passes.clear()
        found = book.update(0, labels)
        held = book.held_out_strokes(99)
        seen.append(len(passes))
        assert [(s.rows[0], s.columns.tolist()) for s in found] == [
            (row, list(range(row, row + 7))) for row in range(0, 2 * count, 2)
        ]
        assert [s.number for s in held] == ([11, 5] if count == 15 else [])
    assert seen[0] == seen[1]


def test_a_part_is_taken_as_all_of_it():
    rng = np.random.default_rng(0)
    whole, parts = StrokeBook(), StrokeBook()
    labels = np.zeros((20, 30), np.uint8)
    for book in (whole, parts):
        book.add_image(labels.shape)
    for _ in range(12):
        top, left = rng.integers(0, (15, 24))
        box = Tile((int(top), int(top) + 4), (int(left), int(left) + 6))
        labels[box.slices] = rng.integers(0, 3, box.sides) * (rng.random(box.sides) < 0.5)
        expected, found = whole.update(0, labels), parts.update(0, labels[box.slices], box)
        assert [(x.number, x.class_id) for x in expected] == [(x.number, x.class_id) for x in found]
        np.testing.assert_array_equal(parts.labels[0], labels)
        np.testing.assert_array_equal(parts.numbers[0], whole.numbers[0])
        assert parts.revoked == whole.revoked
