"""Kinds of cells are told from a few examples."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects import cell_features as cells_seen
from napari_unet.core.objects.cell_features import SeenCells, cell_features
from napari_unet.core.objects.kinds import (
    Example,
    Kinds,
    packed,
    read_kinds,
    rows_of,
    scaled,
    tell_kinds,
    telling_columns,
    unpacked,
)
from napari_unet.core.objects.measure import measure
from napari_unet.errors import InvalidInput, UserError

TWO = (
    ClassInfo(id=1, name="round", color="#E69F00"),
    ClassInfo(id=2, name="striped", color="#56B4E9"),
)


@pytest.fixture(scope="module")
def scene():
    """Squares of one size and mean brightness: (ids, pixels, which are striped)."""
    rng = np.random.default_rng(0)
    ids, pixels = np.zeros((120, 120), np.int32), rng.normal(100, 2, (120, 120))
    striped = rng.integers(0, 2, 100).astype(bool)
    stripes = np.where(np.arange(8) % 2, 30, -30)[:, None]
    for number, is_striped in enumerate(striped):
        row, column = (12 * number // 120) * 12, 12 * number % 120
        box = slice(row + 2, row + 10), slice(column + 2, column + 10)
        ids[box] = number + 1
        pixels[box] += 50 + (stripes if is_striped else 0)
    return ids, pixels.astype(np.float32), striped


def taught(scene, *, columns, features):
    ids, pixels, striped = scene
    table = measure(ids, pixels)
    seen = cell_features(ids, pixels[None]) if features else np.zeros((100, 0), np.float32)
    kinds = Kinds(kinds=TWO, columns=columns or (), features=seen.shape[1])
    rows = rows_of(table, seen, kinds)
    chosen = [*np.flatnonzero(striped)[:3], *np.flatnonzero(~striped)[:3]]
    examples = tuple(
        Example(
            kind=2 if striped[i] else 1, image="a", place=(), pixel=(0, 0), values=packed(rows[i])
        )
        for i in chosen
    )
    return scaled(kinds.model_copy(update={"examples": examples}), rows), rows


@pytest.mark.parametrize("columns", [("intensity std (nothing)",), ()])
def test_all_are_told_from_three_of_each(scene, columns):
    """By what the encoder sees, or by the measurements alone."""
    by_measurements = bool(columns)
    known = telling_columns(measure(*scene[:2])) if by_measurements else ()
    kinds, rows = taught(scene, columns=known, features=not by_measurements)
    found = tell_kinds(kinds, kinds.examples, rows)
    np.testing.assert_array_equal(found == 2, scene[2])


def test_where_a_cell_is_does_not_tell_its_kind(scene):
    names = telling_columns(measure(*scene[:2], pixel_size=(0.5, 0.5), unit="µm"))
    assert "area (µm²)" in names and "intensity mean" in names
    assert not {"id", "row (µm)", "column (µm)"} & set(names)


def test_a_file_gives_the_same_kinds(scene, tmp_path):
    kinds, rows = taught(scene, columns=telling_columns(measure(*scene[:2])), features=True)
    path = tmp_path / "kinds.json"
    path.write_text(kinds.model_dump_json(indent=1))
    again = read_kinds(path)
    np.testing.assert_array_equal(
        tell_kinds(again, again.examples, rows), tell_kinds(kinds, kinds.examples, rows)
    )


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}}",
        b'{"kinds": [], "examples": [{"kind": 1, "image": "", "place": [], "pixel": []}]}',
        b'{"center": "AAAA"}',
        b'{"center": "A"}',
        b'{"columns": ["a"], "center": "AADAfw=="}',
        b'{"examples": [{"kind": 1, "image": "", "place": [], "pixel": [], "values": "AAA"}]}',
    ],
)
def test_a_damaged_file_is_told(tmp_path, damage):
    (tmp_path / "kinds.json").write_bytes(damage)
    with pytest.raises(UserError, match="holds no kinds of cells"):
        read_kinds(tmp_path / "kinds.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_kinds(tmp_path / "none.json")


def test_what_is_missing_is_said(scene):
    kinds, rows = taught(scene, columns=("area (px²)",), features=False)
    with pytest.raises(InvalidInput, match="Name two kinds"):
        tell_kinds(kinds.without(2), kinds.examples[:1], rows)
    with pytest.raises(InvalidInput, match="click a few cells"):
        tell_kinds(kinds, (), rows)
    for few in (kinds.examples[:1], kinds.examples[:3]):
        with pytest.raises(InvalidInput, match="given a kind are striped; give some another"):
            tell_kinds(kinds, few, rows)
    in_units = measure(*scene[:2], pixel_size=(0.5, 0.5), unit="µm")
    with pytest.raises(InvalidInput, match=r"taught with 'area \(px²\)', which these cells"):
        rows_of(in_units, np.zeros((100, 0)), kinds)
    with pytest.raises(InvalidInput, match="taught on planes"):
        rows_of(measure(*scene[:2]), np.zeros((100, 3)), kinds)


def test_one_cell_of_each_kind_and_one_cell_in_all_are_enough(scene):
    kinds, rows = taught(scene, columns=telling_columns(measure(*scene[:2])), features=False)
    found = tell_kinds(kinds, (kinds.examples[0], kinds.examples[3]), rows)
    assert set(found.tolist()) == {1, 2}
    alone = scaled(kinds, rows[:1])
    assert tell_kinds(alone, alone.examples, rows[:1]).shape == (1,)
    assert tell_kinds(alone, alone.examples, rows[:0]).shape == (0,)


def test_values_that_are_no_numbers_tell_nothing(scene):
    kinds, rows = taught(scene, columns=telling_columns(measure(*scene[:2])), features=False)
    holes = rows.copy()
    holes[:, 0] = np.nan
    kinds = scaled(kinds, holes)
    assert np.isfinite(unpacked(kinds.center)).all()
    np.testing.assert_array_equal(tell_kinds(kinds, kinds.examples, holes) == 2, scene[2])


def test_without_a_kind_its_cells_teach_no_more(scene):
    kinds, _ = taught(scene, columns=("area (px²)",), features=False)
    assert {one.kind for one in kinds.without(2).examples} == {1}


def test_features_are_the_mean_over_the_pixels_of_each_cell(monkeypatch):
    monkeypatch.setattr(cells_seen, "_MOST_PIXELS", 10**6)
    rng = np.random.default_rng(1)
    ids = np.zeros((40, 50), np.int32)
    ids[3:9, 4:11], ids[20:31, 30:40] = 9, 4
    plane = rng.normal(size=(1, 40, 50)).astype(np.float32)
    found = cell_features(ids, plane)
    for row, number in zip(found, (4, 9), strict=True):
        of_pixels = PixelFeatures(plane).at(*np.nonzero(ids == number))
        np.testing.assert_allclose(row, of_pixels.mean(axis=0), rtol=1e-3, atol=1e-4)
    assert cell_features(np.zeros((9, 9), int), plane).shape == (0, 0)


def test_what_is_seen_can_be_joined_and_forgotten():
    two = SeenCells(np.array([2, 7]), np.array([[2.0], [7.0]]))
    all_three = two.without({7, 8}).joined(SeenCells(np.array([1, 3]), np.array([[1.0], [3.0]])))
    assert all_three.of(np.array([1, 2, 3])).features.tolist() == [[1], [2], [3]]
    assert np.isnan(all_three.of(np.array([7])).features).all()
