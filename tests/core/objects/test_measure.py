"""Measurements against values worked out by hand."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_unet.core.objects.measure import measure, write_csv
from napari_unet.errors import InvalidInput, UnwritableOutput


@pytest.fixture
def rectangle():
    """3 rows x 5 columns of id 7 from (2, 4) on, and a single pixel of id 70000 at (9, 9)."""
    labels = np.zeros((12, 12), np.int32)
    labels[2:5, 4:9] = 7
    labels[9, 9] = 70_000
    return labels


def test_a_rectangle_in_pixels(rectangle):
    """Variances of 3 and 5 pixels in a row: 2/3 and 2; axes 4 sqrt; corners cut in perimeter."""
    table = measure(rectangle)
    assert table["id"].tolist() == [7, 70_000]
    first = {name: column[0] for name, column in table.items()}
    assert first["area (px²)"] == 15
    assert (first["row (px)"], first["column (px)"]) == (3, 6)
    assert first["equivalent diameter (px)"] == pytest.approx(2 * np.sqrt(15 / np.pi))
    assert first["major axis (px)"] == pytest.approx(4 * np.sqrt(2))
    assert first["minor axis (px)"] == pytest.approx(4 * np.sqrt(2 / 3))
    assert first["eccentricity"] == pytest.approx(np.sqrt(2 / 3))
    assert first["solidity"] == pytest.approx(1)
    assert first["perimeter (px)"] == pytest.approx(12)


def test_a_single_pixel_has_no_extent_and_no_error(rectangle):
    table = measure(rectangle)
    assert table["area (px²)"][1] == 1
    assert table["major axis (px)"][1] == table["eccentricity"][1] == 0
    assert table["solidity"][1] == 1


def test_anisotropic_pixels(rectangle):
    """Rows of 2 µm and columns of 0.5 µm turn the rectangle upright: 6 µm x 2.5 µm."""
    table = measure(rectangle, pixel_size=(2, 0.5), unit="µm")
    first = {name: column[0] for name, column in table.items()}
    assert first["area (µm²)"] == 15
    assert (first["row (µm)"], first["column (µm)"]) == (6, 3)
    assert first["major axis (µm)"] == pytest.approx(4 * np.sqrt(2 / 3) * 2)
    assert first["minor axis (µm)"] == pytest.approx(4 * np.sqrt(2) * 0.5)
    assert not any("perimeter" in name for name in table)


def test_a_box_in_3d():
    labels = np.zeros((8, 9, 10), np.uint16)
    labels[2:4, 1:5, 3:9] = 1
    table = measure(labels, pixel_size=(3, 1, 1), unit="nm")
    first = {name: column[0] for name, column in table.items()}
    assert first["volume (nm³)"] == 2 * 4 * 6 * 3
    assert (first["plane (nm)"], first["row (nm)"], first["column (nm)"]) == (7.5, 2.5, 5.5)
    assert first["solidity"] == pytest.approx(1)
    box = 2 * (6 * 4 + 6 * 6 + 4 * 6)  # 6 nm x 4 nm x 6 nm; the mesh rounds its corners
    assert 0.75 * box < first["surface (nm²)"] < box
    assert "eccentricity" not in table


def test_the_surface_of_a_ball():
    grid = np.indices((31, 31, 31)) - 15
    table = measure(((grid**2).sum(axis=0) < 12**2).astype(int))
    assert table["surface (px²)"][0] == pytest.approx(4 * np.pi * 12**2, rel=0.1)
    assert table["major axis (px)"][0] == pytest.approx(24, rel=0.05)
    assert table["minor axis (px)"][0] == pytest.approx(24, rel=0.05)


def test_a_flat_object_in_3d_has_no_thickness():
    labels = np.zeros((4, 9, 9), int)
    labels[1, 2:7, 2:7] = 1
    labels[3, 8, 8] = 2
    table = measure(labels)
    assert table["minor axis (px)"].tolist() == [0, 0]
    assert np.isfinite(table["solidity"]).all()


def test_intensities_of_each_channel(rectangle):
    image = np.zeros((12, 12, 2))
    image[2:5, 4:9, 0] = np.arange(15).reshape(3, 5)
    image[9, 9, 1] = -4
    for channels_somewhere in (image, np.moveaxis(image, -1, 0)):
        table = measure(rectangle, channels_somewhere)
        assert table["intensity 1 mean"].tolist() == [7, 0]
        assert table["intensity 1 max"].tolist() == [14, 0]
        assert table["intensity 1 std"][0] == pytest.approx(np.sqrt((15**2 - 1) / 12))
        assert table["intensity 2 min"].tolist() == [0, -4]
        assert table["intensity 2 std"].tolist() == [0, 0]


def test_one_channel_needs_no_number(rectangle):
    table = measure(rectangle, rectangle.astype(np.uint16))
    assert table["intensity mean"].tolist() == [7, 70_000 % 65536]


def test_the_class_is_that_of_most_pixels(rectangle):
    classes = np.full((12, 12), 1)
    classes[2:4, 4:9] = 3
    assert measure(rectangle, classes=classes)["class"].tolist() == [3, 1]


def test_nothing_to_measure_gives_empty_columns():
    table = measure(np.zeros((5, 5), int), np.ones((5, 5)), classes=np.ones((5, 5), int))
    assert {len(column) for column in table.values()} == {0}
    assert {"id", "class", "area (px²)", "intensity mean"} <= set(table)


@pytest.mark.parametrize("number", [3, 2**40])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_an_image_without_background(number, dtype):
    table = measure(np.full((4, 5), number, dtype))
    assert table["id"].tolist() == [number]
    assert table["area (px²)"].tolist() == [20]


def test_csv_has_units_in_its_header(rectangle, tmp_path):
    table = measure(rectangle, pixel_size=(0.5, 0.5), unit="µm")
    write_csv(tmp_path / "cells.csv", table)
    with open(tmp_path / "cells.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table)
    assert rows[0]["id"] == "7"
    assert float(rows[0]["area (µm²)"]) == 3.75


def test_a_csv_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(UnwritableOutput):
        write_csv(tmp_path / "nowhere" / "cells.csv", {"id": np.array([1])})


@pytest.mark.parametrize(
    "more",
    [
        {"image": np.zeros((12, 13))},
        {"classes": np.zeros((11, 12), int)},
        {"pixel_size": (1, 1, 1)},
        {"pixel_size": (1, -1)},
    ],
)
def test_what_does_not_fit_is_refused(rectangle, more):
    with pytest.raises(InvalidInput):
        measure(rectangle, **more)


def test_pixels_that_were_not_imaged_have_no_brightness():
    labels = np.zeros((6, 12), np.int32)
    labels[1:5, 1:5], labels[1:5, 7:11] = 1, 2
    image = np.full(labels.shape, 10.0)
    image[2, 2], image[:, 6:] = np.nan, np.nan
    table = measure(labels, image)
    assert table["area (px²)"].tolist() == [16, 16]
    for what, value in (("mean", 10), ("min", 10), ("max", 10), ("std", 0)):
        first, second = table[f"intensity {what}"]
        assert first == value
        assert np.isnan(second)
