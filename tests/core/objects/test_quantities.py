"""Quantities of fields against images whose truth is known."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.objects.measure import write_csv
from napari_unet.core.objects.quantities import FieldPart, field_quantities, joined, said_of_fields

CLASSES = describe_classes((1, 2), "scribbles")


def scene():
    """10 x 20 pixels of 0.5 µm: class 2 in the right quarter, twice as bright; two cells there."""
    classes = np.ones((10, 20), np.uint8)
    classes[:, 15:] = 2
    cells = np.zeros((10, 20), np.int32)
    cells[1:3, 15:17], cells[5:9, 16:18] = 7, 3
    pixels = np.where(classes == 2, 200, 100).astype(np.uint8)[None]
    return pixels, classes, cells


def of_scene(pixels, classes, cells, **options):
    return field_quantities([FieldPart(pixels, classes, cells)], CLASSES, **options)


def test_are_those_of_a_field_that_is_known():
    row = of_scene(*scene(), pixel_size=(0.5, 0.5), unit="µm")
    assert row == {
        "imaged area (µm²)": 50.0,
        "cells": 2,
        "all cells area (µm²)": 3.0,
        "all cells fraction": 12 / 200,
        "all cells intensity mean": 200.0,
        "background area (µm²)": 37.5,
        "background fraction": 0.75,
        "background intensity mean": 100.0,
        "class 2 area (µm²)": 12.5,
        "class 2 fraction": 0.25,
        "class 2 intensity mean": 200.0,
    }


def test_what_was_not_imaged_counts_nowhere():
    pixels, classes, cells = scene()
    pixels = pixels.astype(np.float32)
    pixels[:, :, :5] = np.nan  # a third of the background
    pixels[:, 1:3, 15:17] = np.inf  # one of the cells
    row = of_scene(pixels, classes, cells)
    assert row["imaged area (px²)"] == 146
    assert row["background area (px²)"] == 100
    assert row["class 2 fraction"] == 46 / 146
    assert row["class 2 intensity mean"] == 200
    assert (row["cells"], row["all cells area (px²)"]) == (1, 8)


def test_a_channel_that_was_not_imaged_counts_for_all():
    pixels, classes, cells = scene()
    both = np.concatenate([pixels, 2 * pixels.astype(np.float32)]).astype(np.float32)
    both[1, :, 15:] = np.nan
    row = of_scene(both, classes, cells)
    assert row["imaged area (px²)"] == 150
    assert row["background intensity 1 mean"] == 100
    assert row["background intensity 2 mean"] == 200
    assert np.isnan(row["class 2 intensity 1 mean"])
    assert row["cells"] == 0


def test_of_a_volume_are_volumes():
    pixels, classes, cells = (np.stack([a, a], axis=-3) for a in scene())
    part = FieldPart(pixels, classes, cells)
    row = field_quantities([part], CLASSES, pixel_size=(2.0, 0.5, 0.5), unit="µm", ndim=3)
    assert row["class 2 volume (µm³)"] == 50
    assert row["cells"] == 2


@given(st.integers(1, 9), st.integers(1, 19))
def test_are_the_same_in_parts(row, column):
    pixels, classes, cells = scene()
    parts = [
        FieldPart(pixels[:, rows, columns], classes[rows, columns], cells[rows, columns])
        for rows in (slice(None, row), slice(row, None))
        for columns in (slice(None, column), slice(column, None))
    ]
    assert field_quantities(parts, CLASSES) == pytest.approx(of_scene(pixels, classes, cells))


def test_say_nothing_of_what_is_not_there():
    pixels, classes, cells = scene()
    assert not any("cell" in name for name in of_scene(pixels, classes, None))
    assert list(field_quantities([FieldPart(pixels)], CLASSES)) == ["imaged area (px²)"]
    nowhere = of_scene(np.full((1, 10, 20), np.nan), classes, cells)
    assert nowhere["imaged area (px²)"] == nowhere["cells"] == 0
    assert np.isnan(nowhere["class 2 fraction"])


def test_two_classes_of_one_name_are_two():
    twins = tuple(entry.model_copy(update={"name": "cell"}) for entry in CLASSES)
    pixels, classes, _ = scene()
    row = field_quantities([FieldPart(pixels, classes)], twins)
    assert (row["cell 1 fraction"], row["cell 2 fraction"]) == (0.75, 0.25)


def test_a_table_has_every_column_and_its_file_no_word_for_nothing(tmp_path):
    table = joined([{"plane": 0, "cells": 3}, {"plane": 1, "fraction": 0.5, "cells": 0}])
    assert list(table) == ["plane", "cells", "fraction"]
    write_csv(tmp_path / "fields.csv", table)
    with open(tmp_path / "fields.csv", encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [["0", "3", ""], ["1", "0", "0.5"]]
    assert said_of_fields([{"cells": 3}, {"cells": 1009}]) == "1,012 cells"
