"""Cells of files are measured and told their kinds from the shell."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects.cell_features import cell_features
from napari_unet.core.objects.kinds import Example, Kinds, packed, rows_of, scaled, telling_columns
from napari_unet.core.objects.measure import measure


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """Two planes of 9 and 5 squares, every second of which is bright."""
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).normal(50, 2, (2, 60, 60)).astype(np.float32)
    ids = np.zeros(image.shape, np.int32)
    for number in range(14):
        plane, at = divmod(number, 9)
        box = (
            plane,
            slice(at // 3 * 20 + 4, at // 3 * 20 + 14),
            slice(at % 3 * 20 + 4, at % 3 * 20 + 14),
        )
        ids[box] = number + 1
        image[box] += 100 if number % 2 else 30
    tifffile.imwrite("stack.tif", image, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite("stack_instances.tif", ids)
    return image, ids


@pytest.fixture
def kinds(stack):
    """A file that two squares of the first plane taught."""
    image, ids = stack
    table = measure(ids[0], image[:1])
    seen = cell_features(ids[0], image[:1])
    two = tuple(
        ClassInfo(id=i, name=name, color="#000000") for i, name in ((1, "dark"), (2, "bright"))
    )
    known = Kinds(kinds=two, columns=telling_columns(table), features=seen.shape[1])
    rows = rows_of(table, seen, known)
    examples = tuple(
        Example(kind=kind, image="", place=(0,), pixel=(0, 0), values=packed(rows[kind - 1]))
        for kind in (1, 2)
    )
    known = scaled(known.model_copy(update={"examples": examples}), rows)
    with open("kinds.json", "w", encoding="utf-8") as file:
        file.write(known.model_dump_json())


def rows_in(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


WORDS = ["cells", "stack.tif", "--cells", "stack_instances.tif", "--output", "out"]


def test_all_cells_get_their_kind_and_each_plane_its_counts(kinds, capsys):
    assert main([*WORDS, "--kinds", "kinds.json"]) == 0
    assert capsys.readouterr().out == "stack.tif: 14 cells: 7 bright, 7 dark\n"
    rows = rows_in("out/stack_cells.csv")
    assert [int(row["id"]) for row in rows] == list(range(1, 15))
    assert [row["plane"] for row in rows] == ["0"] * 9 + ["1"] * 5
    assert all(row["kind"] == ("dark" if int(row["id"]) % 2 else "bright") for row in rows)
    fields = rows_in("out/stack_fields.csv")
    assert [row["cells"] for row in fields] == ["9", "5"]
    assert [row["dark cells"] for row in fields] == ["5", "2"]


def test_without_kinds_they_are_measured(stack, capsys):
    assert main(WORDS) == 0
    assert capsys.readouterr().out == "stack.tif: 14 cells\n"
    assert "kind" not in rows_in("out/stack_cells.csv")[0]


def test_a_plane_without_cells_is_no_trouble(stack, kinds):
    _, ids = stack
    ids[1] = 0
    tifffile.imwrite("stack_instances.tif", ids)
    assert main([*WORDS, "--kinds", "kinds.json"]) == 0
    assert rows_in("out/stack_fields.csv")[1]["bright cells"] == "0"


def test_what_does_not_fit_is_said(stack, kinds, capsys):
    def said(*words):
        assert main(list(words)) == 2
        return capsys.readouterr().err

    tifffile.imwrite("other.tif", np.zeros((60, 60), np.uint8))
    swapped = ["cells", "other.tif", "--cells", "stack_instances.tif", "--output", "out"]
    assert "give the cells of the same image" in said(*swapped)
    assert "give one of each" in said(*WORDS[:2], "stack.tif", *WORDS[2:])
    assert "cannot be read" in said(*WORDS, "--kinds", "none.json")
    assert "holds no kinds of cells" in said(*WORDS, "--kinds", "stack.tif")
    tifffile.imwrite(
        "stack.tif",
        stack[0],
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "ZYX", "unit": "um"},
    )
    assert "taught with 'area (px²)', which these cells do not have" in said(
        *WORDS, "--kinds", "kinds.json"
    )
