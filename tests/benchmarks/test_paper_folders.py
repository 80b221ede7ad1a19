"""Folders, folds and what is refused before anything is trained."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from benchmarks.crossval.data import IGNORED, load_folder
from benchmarks.crossval.folds import check_fold, describe, fewer, make_folds

from napari_unet.errors import InvalidInput


def write_labels(folder, labels, info=None):
    """Give all images of a folder these labels, or one array each of a list of them."""
    for index, path in enumerate(sorted((folder / "labels").iterdir())):
        array = labels[index] if isinstance(labels, list) else labels
        tifffile.imwrite(path, array.astype(np.uint8))
    if info is not None:
        (folder / "info.json").write_text(json.dumps(info))


def halves(*ids) -> np.ndarray:
    """Return (48, 64) with vertical bands of these ids."""
    return np.repeat(np.array(ids), 64 // len(ids))[None].repeat(48, axis=0)


def test_objects_are_one_class_whatever_the_gaps_in_their_ids(blobs):
    write_labels(blobs, 7 * (halves(0, 1) > 0) + 30 * halves(1, 0), {"kind": "instance"})
    folder = load_folder(blobs)
    assert (folder.ids, folder.label_kind, folder.scored) == ((0, 1), "instances", "objects")
    assert set(np.unique(folder.samples[0].labels)) == {7, 30}
    assert set(np.unique(folder.samples[0].classes)) == {1}


def test_classes_keep_their_ids_and_a_membrane_is_found_by_its_name(blobs):
    names = {"0": "cell interior", "3": "membrane"}
    write_labels(blobs, halves(0, 3), {"kind": "semantic", "classes": names})
    folder = load_folder(blobs)
    assert (folder.ids, folder.names) == ((0, 3), ("cell interior", "membrane"))
    assert (folder.label_kind, folder.membrane, folder.scored) == ("classes", 1, "membranes")
    assert set(np.unique(folder.samples[0].classes)) == {0, 1}


def test_what_nobody_annotated_is_ignored_and_encloses_no_regions(blobs):
    names = {"0": "not annotated (outside)", "1": "cell border", "2": "cell body"}
    write_labels(blobs, halves(0, 1, 2, 2), {"kind": "semantic, sparse", "classes": names})
    folder = load_folder(blobs)
    assert (folder.ids, folder.label_kind, folder.membrane) == ((1, 2), "scribbles", None)
    assert set(np.unique(folder.samples[0].classes)) == {IGNORED, 0, 1}


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="images/ and labels/"):
        load_folder(tmp_path)


def test_images_without_labels_are_not_enough(blobs):
    for path in sorted((blobs / "labels").iterdir())[1:]:
        path.unlink()
    with pytest.raises(InvalidInput, match="has 1 images"):
        load_folder(blobs)


def test_labels_of_another_shape_are_refused_with_the_file(blobs):
    tifffile.imwrite(blobs / "labels" / "t003.tif", np.ones((40, 64), np.uint8))
    with pytest.raises(InvalidInput, match=r"t003.*\(40, 64\)"):
        load_folder(blobs)


def test_labels_of_one_class_are_refused(blobs):
    write_labels(blobs, halves(0, 0))
    with pytest.raises(InvalidInput, match="one class only"):
        load_folder(blobs)


def test_a_broken_description_is_refused(blobs):
    (blobs / "info.json").write_text("{")
    with pytest.raises(InvalidInput, match="no JSON object"):
        load_folder(blobs)


def test_a_class_that_no_training_image_shows_is_refused_with_the_fold(blobs):
    labels = [halves(0, 0)] * 8
    labels[0] = halves(0, 1)  # tested in fold 0, trained on in the others
    write_labels(blobs, labels, {"kind": "semantic", "classes": {"1": "rare"}})
    folder = load_folder(blobs)
    folds = make_folds(8, folder.frames)
    with pytest.raises(InvalidInput, match=r"fold 0 of blobs.*'rare'"):
        check_fold(folder, folds[0])
    check_fold(folder, folds[1])


@pytest.mark.parametrize(("count", "number"), [(2, 2), (8, 3), (15, 3), (30, 5)])
@pytest.mark.parametrize("series", [True, False])
def test_each_image_is_tested_once_and_never_trained_on_then(count, number, series):
    folds = make_folds(count, range(count) if series else ())
    assert len(folds) == number
    assert sorted(i for fold in folds for i in fold.test) == list(range(count))
    for fold in folds:
        assert set(fold.training) | set(fold.test) == set(range(count))
        assert not set(fold.training) & set(fold.test)


def test_neighbours_are_tested_together_and_the_ends_of_a_run_are_named():
    folds = make_folds(30, range(30))
    assert folds[0].test == (0, 1, 2, 3, 4, 5)
    assert [fold.near for fold in folds] == [(5,), (6, 11), (12, 17), (18, 23), (24,)]


def test_frames_far_apart_are_not_neighbours_and_time_gives_the_order():
    folds = make_folds(6, [50, 10, 20, 40, 21, 30])
    assert [fold.test for fold in folds] == [(1, 2), (4, 5), (0, 3)]
    assert [fold.near for fold in folds] == [(2,), (4,), ()]  # 20 and 21


def test_images_that_are_no_series_are_drawn_the_same_each_time():
    assert make_folds(9) == make_folds(9)
    assert [fold.test for fold in make_folds(9)] != [(0, 1, 2), (3, 4, 5), (6, 7, 8)]
    assert not any(fold.near for fold in make_folds(9))


def test_fewer_training_images_are_spread_over_all():
    fold = make_folds(30, range(30))[0]  # trains on 6 to 29
    one, two = fewer(fold, 1, range(30)), fewer(fold, 2, range(30))
    assert len(one.training) == 1 and 15 < one.training[0] < 20
    assert len(two.training) == 2 and set(two.training) <= set(fold.training)
    assert one.test == fold.test
    assert one.near == ()
    assert fewer(fold, 24).training == fold.training


def test_folds_are_described_with_what_is_next_to_each_other(blobs):
    folder = load_folder(blobs)
    lines = describe(folder, make_folds(8, folder.frames))
    assert lines[1] == (
        "fold 0: tests t000 to t002 (3); trains on the other 5; next to a training image: t002"
    )
