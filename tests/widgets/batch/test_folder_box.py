"""The rest of a folder, as a part of a batch; no window."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from fakes import model_file
from napari_unet.core.batch import plan
from napari_unet.session.working_set import Mark
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.desk.shared import shared_by


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


@pytest.fixture
def plate(tmp_path):
    """Two grey images, a colour image, one that is damaged, and one that was painted on."""
    folder = tmp_path / "plate"
    (folder / "below").mkdir(parents=True)
    for name, shape in {"a": (6, 8), "b": (6, 8, 3), "below/a": (6, 8), "painted": (6, 8)}.items():
        tifffile.imwrite(folder / f"{name}.tif", noise(*shape))
    (folder / "broken.tif").write_bytes(b"II*\x00")
    return folder


@pytest.fixture
def dock(qtbot, model, learners, plate, tmp_path):
    widget = BatchSegment(model)
    qtbot.addWidget(widget)
    path = tmp_path / "model.unet"
    path.write_bytes(model_file())
    widget.session.load_model(path)
    files = shared_by(model, widget).files
    names = ("a.tif", "b.tif", "below/a.tif", "broken.tif", "painted.tif")
    files.use(plate, [plate / name for name in names])
    files.know({plate / "painted.tif": Mark.PAINTED}, ())
    return widget


def planned(qtbot, dock, text):
    qtbot.waitUntil(lambda: text in dock.summary.text() and bool(dock._plan))


def test_the_box_is_there_with_a_folder_alone(qtbot, model, learners, plate):
    widget = BatchSegment(model)
    qtbot.addWidget(widget)
    assert widget.rest.isHidden()
    shared_by(model, widget).files.use(plate, [plate / "a.tif"])
    assert not widget.rest.isHidden()
    assert widget.rest.box.text() == "1 image of plate that nobody painted on"


def test_the_rest_is_segmented_into_a_folder_beside_it(qtbot, dock, learners, plate, model):
    model.add_image(noise(6, 8), name="a")  # of the same name as a file
    files = shared_by(model, dock).files
    ended = []
    files.segmented_into.connect(ended.append)
    dock.rest.box.click()
    output = plate.with_name("plate results")
    assert dock.options.folder == output
    planned(qtbot, dock, "3 of 5 will run")
    said = "4 files: 2 will be segmented, 1 has 3 channels, 1 cannot be read"
    assert dock.rest.label.text() == said
    qtbot.mouseClick(dock.run_button, Qt.MouseButton.LeftButton)
    for number in range(3):
        qtbot.waitUntil(lambda n=number: len(learners[0].pieces) > n, timeout=30_000)
        learners[0].answer_piece(number)
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run", timeout=30_000)
    found = {path.relative_to(output).as_posix() for path in output.rglob("*_labels.tif")}
    assert found == {"a_labels.tif", "below/a_labels.tif", "a-2_labels.tif"}
    assert (tifffile.imread(output / "below" / "a_labels.tif") == 2).all()
    assert ended == [output]


def test_files_are_looked_at_once_a_wish(qtbot, dock, model, monkeypatch):
    opened = []
    whole = plan._planned
    monkeypatch.setattr(plan, "_planned", lambda c, *rest: opened.append(c.name) or whole(c, *rest))
    dock.rest.box.click()
    planned(qtbot, dock, "2 of 4 will run")
    count = len(opened)
    model.add_image(noise(6, 8), name="another")
    planned(qtbot, dock, "3 of 5 will run")
    assert opened[count:] == ["another"]


def test_without_a_folder_for_results_nothing_runs(qtbot, dock):
    dock.rest.box.click()
    dock.options.choose_folder(None)
    assert "Choose a folder for the results" in dock.summary.text()
    assert not dock.run_button.isEnabled()
