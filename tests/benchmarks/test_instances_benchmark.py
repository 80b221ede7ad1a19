"""The benchmark of instances: what is drawn, trained once, compared and timed."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.cells.methods import COMPONENTS, METHODS, OTSU, OURS, objects_by
from benchmarks.cells.scoring import pooled, touches
from benchmarks.cells.speed import many_cells, speed_lines
from benchmarks.crossval.data import load_folder
from benchmarks.instances import draw, main

from napari_unet.errors import InvalidInput


@pytest.fixture
def pair():
    """Two touching discs, their truth, and certain probabilities."""
    rows, columns = np.indices((40, 60))
    truth = np.where(np.hypot(rows - 20, columns - 20) < 10, 1, 0)
    truth[(np.hypot(rows - 20, columns - 37) < 10) & (truth == 0)] = 2
    return truth, np.stack([truth == 0, truth > 0]).astype(np.float32)


def test_only_components_leave_touching_discs_together(pair):
    truth, probabilities = pair
    image = (200 * (truth > 0)).astype(np.uint8)
    count = {method: objects_by(method, image, probabilities).max() for method in METHODS}
    assert count[OURS] == count[OTSU] == 2
    assert count[COMPONENTS] == 1


def test_scores_are_pooled_over_objects(pair):
    truth, _ = pair
    nothing = np.zeros_like(truth)
    perfect = pooled([truth], [truth])
    assert (perfect.average_precision, perfect.seg) == (1, 1)
    half = pooled([truth, nothing], [truth, truth])
    assert (half.average_precision, half.seg) == (0.5, 0.5)
    assert np.isnan(pooled([nothing], [nothing]).average_precision)


def test_touching_is_by_the_edges_of_pixels(pair):
    assert touches(pair[0])
    assert not touches(np.array([[1, 0, 2], [1, 0, 2]]))
    assert not touches(np.array([[1, 0], [0, 2]]))


def test_neighbours_in_a_series_are_not_scored(blobs):
    folder = load_folder(blobs)
    training, held_out = draw(folder, 2, seed=0)
    shown = [int(sample.name[1:]) for sample in training]
    assert len(shown) == 2 and held_out
    for sample in held_out:
        assert min(abs(int(sample.name[1:]) - frame) for frame in shown) > 1
    with pytest.raises(InvalidInput, match="fewer"):
        draw(folder, 8, seed=0)


def test_a_run_trains_once_and_writes_its_table(blobs, tmp_path, capsys, monkeypatch):
    words = ["--datasets", str(blobs), "--images", "2", "--minutes", "0.02", "--no-speed"]
    words += ["--output", str(tmp_path / "out")]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert all(f"| {method} |" in first for method in METHODS)
    assert "Images in which objects touch: t00" in first
    assert (tmp_path / "out" / "table.md").read_text() == first

    def refuse(*arguments, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr("napari_unet.train_events", refuse)
    assert main(words) == 0
    assert capsys.readouterr().out == first


def test_what_can_be_mended_is_said(tmp_path, capsys):
    words = ["--data", str(tmp_path), "--datasets", "nowhere", "--output", str(tmp_path / "out")]
    assert main(words) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_large_image_has_as_many_cells_as_said(rng):
    probabilities = many_cells(128, 4, rng)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1)
    lines = speed_lines(side=128, a_row=4)
    assert lines[0].startswith("128 x 128, 16 cells drawn, 16 found, 16 in chunks")
