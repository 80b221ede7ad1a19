"""Files that are given in another order than their names say are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.commands.pairs import check_pairs
from napari_unet.errors import InvalidInput


def paths(text: str) -> list[Path]:
    return [Path(name) for name in text.split()]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("a.tif b.tif", "a_labels.tif b_labels.tif"),
        ("img1.tif img10.tif", "img1_s.tif img10_s.tif"),
        ("cell.tif cell_b.tif", "cell_labels.tif cell_b_labels.tif"),
        ("a.tif s.tif", "1_labels.tif 2_labels.tif"),
        ("x/img.tif y/img.tif", "x/img_labels.tif y/img_labels.tif"),
        ("a.tif a.tif", "a_one.tif a_two.tif"),
        ("s.tif b.tif", "s_labels.tif b_labels.tif"),
        ("a.ome.tif b.tif", "labels-a.tif labels-b.ome.tif"),
    ],
)
def test_that_are_given_as_they_are_named_or_named_otherwise(images, labels):
    check_pairs(paths(images), paths(labels))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("a.tif b.tif", "b_labels.tif a_labels.tif"),
        ("img1.tif img10.tif", "img10_s.tif img1_s.tif"),
        ("cell.tif cell_b.tif", "cell_b_labels.tif cell_labels.tif"),
        ("a.tif b.tif", "a_labels.tif labels_a.tif"),
    ],
)
def test_that_are_swapped(images, labels):
    with pytest.raises(InvalidInput, match="give both in the same order"):
        check_pairs(paths(images), paths(labels))


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_in_the_shell(tmp_path, capsys, command):
    for name in ("a", "b", "a_labels", "b_labels"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.ones((16, 16), np.uint8))
    a, b, on_a, on_b = (str(tmp_path / f"{x}.tif") for x in ("a", "b", "a_labels", "b_labels"))
    words = {
        "train": ["train", a, b, "--labels", on_b, on_a, "--output", str(tmp_path / "m.unet")],
        "evaluate": ["evaluate", a, b, "--truth", on_b, on_a],
    }[command]
    assert main(words) == 2
    assert "give both in the same order" in capsys.readouterr().err
