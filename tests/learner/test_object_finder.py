"""Objects are found in another process as they are in this one."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

from napari_unet.core.objects.label_instances import label_instances
from napari_unet.core.objects.measure import measure
from napari_unet.errors import DeviceUnavailable, InvalidInput, Stopped
from napari_unet.learner.object_finder import ObjectFinder


@pytest.fixture
def finder():
    finder = ObjectFinder()
    yield finder
    finder.close()


@pytest.fixture
def cells():
    """Probabilities, (2, 80, 90), of four discs, two of which touch."""
    rows, columns = np.mgrid[:80, :90]
    centres = [(20, 20), (20, 37), (60, 20), (60, 65)]
    inside = np.any([np.hypot(rows - r, columns - c) < 10 for r, c in centres], axis=0)
    found = np.where(inside, 0.9, 0.1).astype(np.float32)
    return np.stack([1 - found, found])


@pytest.mark.parametrize("chunk", [None, 32])
def test_the_same_objects_are_found(finder, cells, chunk):
    for _ in range(2):  # by one process
        out = np.zeros(cells.shape[1:], np.int32)
        finder(cells, 0, spacing=(2.0, 1.0), chunk=chunk, out=out)
        np.testing.assert_array_equal(
            out, label_instances(cells, 0, spacing=(2.0, 1.0), chunk=chunk)
        )
    assert out.max() >= 3


def test_what_makes_no_sense_is_told_and_the_next_is_done(finder, cells):
    out = np.zeros(cells.shape[1:], np.int32)
    with pytest.raises(InvalidInput, match="there is no class 7"):
        finder(cells, 7, out=out)
    assert finder(cells, 0, out=out).max() > 0


def test_a_process_that_ends_is_told_and_replaced(tmp_path, cells):
    script = tmp_path / "ends.py"
    script.write_text("import sys; sys.stdin.buffer.read(1); sys.exit('no skimage here')")
    finder = ObjectFinder([sys.executable, str(script)])
    out = np.zeros(cells.shape[1:], np.int32)
    for _ in range(2):
        with pytest.raises(DeviceUnavailable, match="no skimage here"):
            finder(cells, 0, out=out)
    finder.close()


def test_stop_lets_a_call_go(tmp_path, cells):
    script = tmp_path / "hangs.py"
    script.write_text("import time; time.sleep(60)")
    finder = ObjectFinder([sys.executable, str(script)])
    threading.Timer(0.3, finder.stop).start()
    start = time.monotonic()
    with pytest.raises(Stopped):
        finder(cells, 0, out=np.zeros(cells.shape[1:], np.int32))
    assert time.monotonic() - start < 20
    with pytest.raises(Stopped):
        finder(cells, 0, out=np.zeros(cells.shape[1:], np.int32))
    finder.close()


def test_objects_are_measured_as_in_this_process(finder, cells):
    ids = np.asarray(label_instances(cells, 0))
    image = np.random.default_rng(0).normal(size=(2, *ids.shape))
    known = {"pixel_size": (0.5, 0.25), "unit": "µm", "classes": np.where(ids > 2, 3, 2)}
    found, expected = finder.measure(ids, image, **known), measure(ids, image, **known)
    assert found.keys() == expected.keys()
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column)


def test_what_cannot_be_measured_is_told(finder, cells):
    with pytest.raises(InvalidInput, match="give the image that they were found in"):
        finder.measure(np.ones((4, 4), np.int32), np.ones((9, 9)))
    assert len(finder.measure(np.ones((4, 4), np.int32))["id"]) == 1
