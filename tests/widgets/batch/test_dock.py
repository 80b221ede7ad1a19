"""A batch says what it will do, does it, and reports each layer."""

from __future__ import annotations

import csv
import json
import os

import dask.array as da
import numpy as np
import pytest
import tifffile
from layer_helpers import layer_names, thread_runs
from napari.layers._source import layer_source
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog

from fakes import model_file
from napari_unet.core.batch.run import ItemStarted
from napari_unet.core.events import Notice
from napari_unet.core.io import fingerprint as fingerprints
from napari_unet.core.models.header import digest_of, header_of
from napari_unet.learner.messages import Failed
from napari_unet.widgets.batch import run
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.layers.picture import choose_axes, choose_channels, choose_level
from napari_unet.widgets.layers.results import legend_of, segmentation_of, write_classes

REFUSED = "the model was trained on 1 channel and this image has 3 channels (RGB)"


@pytest.fixture
def dock(qtbot, model, learners):
    widget = BatchSegment(model)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def learner(dock, learners):
    return learners[0]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


@pytest.fixture
def grey(qtbot, model, dock, tmp_path):
    """Take a model for grey images into use, with two grey images and a colour image open."""
    path = tmp_path / "model.unet"
    path.write_bytes(model_file())
    dock.session.load_model(path)
    one = model.add_image(noise(6, 8), name="one")
    model.add_image(noise(6, 8, 3), rgb=True, name="colour")
    two = model.add_image(noise(3, 6, 8), name="two", axis_labels=("z", "y", "x"))
    planned(qtbot, dock)
    return one, two


def planned(qtbot, dock, text="will run"):
    qtbot.waitUntil(lambda: text in dock.summary.text() and bool(dock._plan))


def fates(dock):
    table = dock.table
    return {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())}


def press_run(qtbot, dock):
    qtbot.waitUntil(lambda: dock.run_button.isEnabled())
    qtbot.mouseClick(dock.run_button, Qt.MouseButton.LeftButton)


def answer(qtbot, learner, *numbers):
    """Wait for the pieces of these numbers, and answer each with the second class."""
    for number in numbers:
        qtbot.waitUntil(lambda n=number: len(learner.pieces) > n, timeout=30_000)
        learner.answer_piece(number)


def over(qtbot, dock):
    qtbot.waitUntil(lambda: dock.run_button.text() == "&Run", timeout=30_000)


def check(dock, row, on):
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    dock.table.item(row, 0).setCheckState(state)


class TestPlan:
    def test_nothing_can_run_without_a_model(self, dock, model):
        model.add_image(noise(6, 8), name="one")
        assert "Train a model first" in dock.summary.text()
        assert not dock.run_button.isEnabled()
        assert "Train a model first" in fates(dock)["one"]

    def test_each_row_says_what_will_be_done(self, qtbot, dock, grey):
        assert fates(dock)["one"] == "will be segmented"
        assert fates(dock)["colour"].startswith(REFUSED)
        assert "Change…" in fates(dock)["colour"]
        assert fates(dock)["two"] == "will be segmented, 3 planes"
        sizes = [dock.table.item(row, 1).text() for row in range(3)]
        assert sizes == ["6 x 8", "6 x 8", "3 x 6 x 8"]
        assert dock.summary.text() == "2 of 3 will run, 1 has 3 channels."
        check(dock, 0, False)
        planned(qtbot, dock, "1 of 2")
        assert fates(dock)["one"] == "left out"
        assert dock.summary.text() == "1 of 2 will run, 1 has 3 channels. 1 left out."

    def test_layers_are_followed(self, qtbot, dock, model, grey):
        grey[0].name = "renamed"
        assert "renamed" in fates(dock)
        model.layers.remove(grey[0])
        planned(qtbot, dock, "1 of 2")
        assert set(fates(dock)) == {"two", "colour"}
        grey[1].data = noise(4, 9, 9)
        planned(qtbot, dock)
        qtbot.waitUntil(lambda: "4 planes" in fates(dock)["two"])

    def test_with_nothing_to_save_nothing_can_run(self, dock, grey):
        dock.options.labels.setChecked(False)
        assert "Choose what to save" in dock.summary.text()
        assert not dock.run_button.isEnabled()

    def test_axes_that_are_guessed_are_said_and_can_be_chosen(self, qtbot, dock, model, grey):
        layer = model.add_image(noise(3, 6, 8), name="guessed")
        planned(qtbot, dock, "3 of 4 will run")
        assert fates(dock)["guessed"].startswith("will be segmented, 3 planes")
        choose_axes(layer, "CYX")
        planned(qtbot, dock, "2 of 4 will run, 2 have 3 channels")
        choose_channels(layer, [(layer, 1)])
        planned(qtbot, dock, "3 of 4")
        assert fates(dock)["guessed"] == "will be segmented"

    def test_axes_that_are_labelled_are_not_guessed(self, qtbot, dock, model, grey):
        model.add_image(noise(2, 3, 6, 8), name="series", axis_labels=("t", "z", "y", "x"))
        planned(qtbot, dock, "3 of 4")
        assert fates(dock)["series"] == "will be segmented, 6 planes"

    @pytest.mark.parametrize("shape", [(2, 2, 2, 2, 6, 8)])
    def test_what_is_no_image_is_told(self, qtbot, dock, model, grey, shape):
        model.add_image(noise(*shape), name="odd")
        planned(qtbot, dock, "2 of 4")
        assert "more axes than can be guessed" in fates(dock)["odd"]

    def test_another_pixel_size_is_said_before(self, qtbot, dock, model, tmp_path, grey):
        sized = dock.session.header.model_copy(
            update={"pixel_size": (1.0, 1.0), "pixel_unit": "micrometer"}
        )
        dock.session.header = sized
        model.add_image(noise(6, 8), name="fine", scale=(0.5, 0.5), units="um")
        planned(qtbot, dock, "3 of 4")
        assert "it is resampled to that" in fates(dock)["fine"]
        dock.options.resample.setChecked(False)
        qtbot.waitUntil(lambda: "they are used as they are" in fates(dock)["fine"])


class TestLayers:
    def test_are_segmented_one_after_the_other(self, qtbot, model, dock, learner, grey):
        press_run(qtbot, dock)
        qtbot.waitUntil(lambda: fates(dock)["one"].startswith("segmenting"))
        assert fates(dock)["two"] == "waiting"
        assert not dock.options.isEnabled()
        answer(qtbot, learner, 0)
        qtbot.waitUntil(lambda: len(learner.pieces) == 2)
        qtbot.waitUntil(lambda: dock.progress.value() == 250)
        answer(qtbot, learner, 1, 2, 3)
        over(qtbot, dock)
        assert dock.summary.text() == "3 images: 2 done, 1 failed."
        assert fates(dock)["one"] == "done: one segmentation"
        assert fates(dock)["two"] == "done: two segmentation"
        assert fates(dock)["colour"].startswith(f"failed: {REFUSED}")
        assert all((segmentation_of(model, image).data == 2).all() for image in grey)
        assert segmentation_of(model, grey[1]).data.shape == (3, 6, 8)
        assert dock.options.isEnabled()

    def test_their_planes_are_measured_for_the_report(
        self, qtbot, dock, learner, grey, tmp_path, monkeypatch
    ):
        dock.options.measure.setChecked(True)
        planned(qtbot, dock)
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        chosen = (str(tmp_path / "all.csv"), "")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: chosen)
        dock.end.save_button.click()
        with open(tmp_path / "all_fields.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [(row["item"], row["plane"]) for row in rows] == [
            ("one", ""),
            *(("two", str(plane)) for plane in range(3)),
        ]
        assert {row["class 2 fraction"] for row in rows} == {"1.0"}
        bright = [float(row["class 2 intensity mean"]) for row in rows]
        assert bright == pytest.approx([grey[0].data.mean(), *grey[1].data.mean(axis=(1, 2))])

    def test_a_failure_is_reported_and_the_rest_goes_on(self, qtbot, dock, learner, grey):
        press_run(qtbot, dock)
        qtbot.waitUntil(lambda: len(learner.pieces) == 1)
        learner.answer_piece(0, Failed("no memory left."))
        answer(qtbot, learner, 1, 2, 3)
        over(qtbot, dock)
        assert fates(dock)["one"] == "failed: no memory left."
        assert fates(dock)["two"].startswith("done")
        assert dock.summary.text() == "3 images: 1 done, 2 failed."

    @pytest.mark.fault("read error")
    def test_a_layer_that_cannot_be_read_is_reported(self, qtbot, model, dock, learner, grey):
        def broken(block):
            raise OSError("the disk is gone")

        lazy = da.from_array(noise(6, 8), chunks=4).map_blocks(broken, dtype=np.uint8)
        model.add_image(lazy, name="lazy", contrast_limits=(0, 255), visible=False)
        planned(qtbot, dock, "3 of 4")
        press_run(qtbot, dock)
        answer(qtbot, learner, *range(4))
        over(qtbot, dock)
        assert "the disk is gone" in fates(dock)["lazy"]
        assert dock.summary.text() == "4 images: 2 done, 2 failed."

    def test_that_disappear_are_reported_and_skipped(self, qtbot, model, dock, learner, grey):
        third = model.add_image(noise(6, 8), name="three")
        planned(qtbot, dock, "3 of 4")
        press_run(qtbot, dock)
        qtbot.waitUntil(lambda: len(learner.pieces) == 1)
        model.layers.remove(grey[1])
        model.layers.remove(grey[0])
        answer(qtbot, learner, 0, 1)
        over(qtbot, dock)
        assert "removed" in fates(dock)["one"] and "removed" in fates(dock)["two"]
        assert fates(dock)["three"].startswith("done")
        assert segmentation_of(model, third) is not None
        assert dock.summary.text() == "4 images: 1 done, 3 failed."

    def test_that_got_other_data_are_reported(self, qtbot, model, dock, learner, grey):
        press_run(qtbot, dock)
        qtbot.waitUntil(lambda: len(learner.pieces) == 1)
        grey[0].data = noise(9, 9)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        assert "got other data or axes meanwhile" in fates(dock)["one"]
        assert segmentation_of(model, grey[0]) is None

    def test_results_have_the_axes_of_a_painting(self, qtbot, model, dock, learner, grey):
        """Channels that come first are no axis of results; others are one of length 1."""
        first = model.add_image(noise(2, 3, 6, 8), name="czyx", axis_labels=tuple("czyx"))
        inner = model.add_image(noise(3, 2, 6, 8), name="zcyx", axis_labels=tuple("zcyx"))
        levels = [noise(12, 16), noise(6, 8)]
        pyramid = model.add_image(levels, multiscale=True, name="pyramid")
        for layer in (first, inner):
            choose_channels(layer, [(layer, 1)])
        choose_level(pyramid, 1)
        planned(qtbot, dock, "5 of 6")
        for row in (0, 2):
            check(dock, row, False)
        dock.options.probabilities.setChecked(True)
        planned(qtbot, dock, "3 of 4")
        press_run(qtbot, dock)
        answer(qtbot, learner, *range(7))
        over(qtbot, dock)
        shapes = [segmentation_of(model, x).data.shape for x in (first, inner, pyramid)]
        assert shapes == [(3, 6, 8), (3, 1, 6, 8), (6, 8)]
        assert model.layers["zcyx probability of class 2"].data.shape == (3, 1, 6, 8)
        assert tuple(segmentation_of(model, pyramid).scale) == (2, 2)

    def test_results_are_not_segmented_in_turn(self, qtbot, model, dock, learner, grey):
        dock.options.probabilities.setChecked(True)
        planned(qtbot, dock)
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        assert "one probability of class 2" in layer_names(model)
        assert model.layers["two probability of class 2"].data.shape == (3, 6, 8)
        assert set(fates(dock)) == {"one", "two", "colour"}

    def test_instances_are_a_layer_of_their_own(self, qtbot, model, dock, learner, grey):
        dock.options.instances.setChecked(True)
        planned(qtbot, dock)
        for first in (0, 4):
            press_run(qtbot, dock)
            answer(qtbot, learner, *range(first, first + 4))
            over(qtbot, dock)
        assert model.layers["two instances"].data.shape == (3, 6, 8)
        assert model.layers["two instances"].data.dtype == np.int32
        assert len(model.layers) == 3 + 2 + 2

    def test_a_second_run_updates_the_same_layers(self, qtbot, model, dock, learner, grey):
        dock.options.probabilities.setChecked(True)
        for first in (0, 4):
            planned(qtbot, dock, "will run" if first == 0 else "done")
            press_run(qtbot, dock)
            answer(qtbot, learner, *range(first, first + 4))
            over(qtbot, dock)
        assert len(model.layers) == 3 + 2 + 4

    def test_a_notice_is_in_the_row(self, qtbot, dock, learner, grey):
        press_run(qtbot, dock)
        qtbot.waitUntil(lambda: len(learner.pieces) == 1)
        learner.answer_piece(0, Notice("memory ran out."))
        qtbot.waitUntil(lambda: "memory ran out." in fates(dock)["one"])
        learner.answer_piece(0)
        answer(qtbot, learner, 1, 2, 3)
        over(qtbot, dock)

    def test_the_report_can_be_saved(self, qtbot, dock, learner, grey, tmp_path, monkeypatch):
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        path = tmp_path / "report.csv"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
        dock.end.save_button.click()
        rows = list(csv.DictReader(path.open(newline="")))
        assert [row["item"] for row in rows] == ["one", "colour", "two"]
        assert [row["status"] for row in rows] == ["done", "failed", "done"]
        assert rows[0]["output"] == "one segmentation"
        assert rows[0]["model"] == digest_of(dock.session.model)
        assert rows[0]["image"] and json.loads(rows[0]["options"])["axes"] == "YX"
        assert rows[1]["image"] == ""

    def test_that_were_made_from_something_else_are_said_to_be(
        self, qtbot, model, dock, learner, grey, tmp_path
    ):
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        dock.session.model_changed.emit()
        planned(qtbot, dock)
        assert fates(dock)["one"] == "will be segmented"
        grey[0].data = 255 - grey[0].data
        qtbot.waitUntil(lambda: "made from another image" in fates(dock)["one"])
        assert "made from" not in fates(dock)["two"]
        path = tmp_path / "other.unet"
        path.write_bytes(model_file(score=0.5))
        dock.session.load_model(path)
        qtbot.waitUntil(lambda: "made from another model" in fates(dock)["two"])
        legend = legend_of(header_of(dock.session.model), dock.session.classes)
        write_classes(model, grey[0], (), None, noise(6, 8) % 2 + 1, legend)
        dock.session.model_changed.emit()
        qtbot.waitUntil(lambda: fates(dock)["one"] == "will be segmented")


class TestStop:
    def test_keeps_what_is_done(self, qtbot, model, dock, learner, grey):
        model.add_image(noise(6, 8), name="three")
        planned(qtbot, dock, "3 of 4")
        press_run(qtbot, dock)
        answer(qtbot, learner, 0)
        qtbot.waitUntil(lambda: len(learner.pieces) > 1)
        press_run(qtbot, dock)
        over(qtbot, dock)
        assert fates(dock)["one"].startswith("done")
        assert fates(dock)["two"] == "stopped: the run was stopped in it."
        assert fates(dock)["three"] == "stopped: the run was stopped before it."
        assert segmentation_of(model, grey[0]) is not None
        assert dock.summary.text() == "4 images: 1 done, 1 failed, 2 stopped."

    def test_does_not_wait_for_a_layer_that_is_read(self, qtbot, model, dock, learner, tmp_path):
        import threading

        reading, go_on = threading.Event(), threading.Event()

        def slow(block):
            reading.set()
            go_on.wait(60)
            return block

        path = tmp_path / "model.unet"
        path.write_bytes(model_file())
        dock.session.load_model(path)
        lazy = da.from_array(noise(6, 8), chunks=(6, 8))
        lazy = lazy.map_blocks(slow, dtype=np.uint8, meta=np.empty((0, 0), np.uint8))
        model.add_image(lazy, name="slow", contrast_limits=(0, 255), visible=False)
        dock.options.choose_folder(tmp_path / "out")
        planned(qtbot, dock, "1 of 1")
        press_run(qtbot, dock)
        qtbot.waitUntil(reading.is_set)
        press_run(qtbot, dock)
        over(qtbot, dock)
        assert fates(dock)["slow"] == "stopped: the run was stopped in it."
        assert thread_runs("batch-run")
        go_on.set()
        qtbot.waitUntil(lambda: not thread_runs("batch-run"))
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["batch_report.csv"]


class TestFolder:
    @pytest.fixture
    def out(self, qtbot, dock, grey, tmp_path, monkeypatch):
        out = tmp_path / "out"
        out.mkdir()
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(out))
        dock.options.place.setCurrentIndex(1)
        dock.options.place.activated.emit(1)
        planned(qtbot, dock)
        qtbot.waitUntil(lambda: "into" in fates(dock)["one"])
        return out

    def test_results_go_there_and_a_report(
        self, qtbot, model, dock, learner, grey, out, monkeypatch
    ):
        assert fates(dock)["one"] == "will be segmented, into one_labels.tif"
        before = layer_names(model)
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        assert layer_names(model) == before
        assert (tifffile.imread(out / "two_labels.tif") == 2).all()
        with (out / "batch_report.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["status"] for row in rows] == ["done", "failed", "done"]
        assert rows[2]["output"] == str(out / "two_labels.tif")
        opened = []
        monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
        dock.end.report_button.click()
        dock.end.folder_button.click()
        assert [url.toLocalFile() for url in opened] == [str(out / "batch_report.csv"), str(out)]
        qtbot.waitUntil(lambda: "2 done already" in dock.run_button.toolTip())
        assert not dock.run_button.isEnabled()

    def test_what_is_there_is_done_again_only_if_that_is_asked_for(
        self, qtbot, dock, learner, grey, out
    ):
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        dock.options.overwrite.setChecked(True)
        planned(qtbot, dock, "2 of 3")
        assert "made anew" in fates(dock)["one"]
        dock.options.overwrite.setChecked(False)
        qtbot.waitUntil(lambda: "0 of 3" in dock.summary.text())
        assert fates(dock)["one"] == "there already; tick Overwrite to make it anew."

    @pytest.mark.parametrize("lazy", [False, True])
    def test_a_file_that_was_changed_while_it_is_open_is_not_just_done(
        self, qtbot, model, dock, learner, grey, out, tmp_path, monkeypatch, lazy
    ):
        monkeypatch.setattr(fingerprints, "_WHOLE_BYTES", 100)
        model.layers.clear()
        file = tmp_path / "file.npy"
        np.save(file, noise(200, 50))
        with layer_source(path=str(file), reader_plugin="napari"):
            model.add_image(np.load(file, mmap_mode="r" if lazy else None), name="file")
        planned(qtbot, dock)
        press_run(qtbot, dock)
        answer(qtbot, learner, 0)
        over(qtbot, dock)
        qtbot.waitUntil(lambda: "1 done already" in dock.run_button.toolTip())
        assert fates(dock)["file"] == "done: file_labels.tif"
        changed = np.load(file, mmap_mode="r+")
        changed[1, 7] += 1  # not in a row that is looked at
        changed.flush()
        os.utime(file, ns=(1, 1))
        QApplication.sendEvent(dock, QEvent(QEvent.Type.WindowActivate))
        said = "made from another image" if lazy else "file.npy was changed on disk"
        qtbot.waitUntil(lambda: said in fates(dock)["file"])
        assert dock.run_button.isEnabled() == lazy

    def test_files_of_others_are_refused_and_layers_of_one_name_kept_apart(
        self, qtbot, model, dock, grey, out
    ):
        tifffile.imwrite(out / "one_labels.tif", noise(6, 8))
        grey[1].name = "a|b? c?"
        model.add_image(noise(6, 8), name="a/b: c?")
        planned(qtbot, dock, "2 of 4")
        texts = [dock.table.item(row, 2).text() for row in range(4)]
        assert "no prediction of napari-unet" in texts[0]
        assert "into a_b_ c__labels.tif" in texts[2]
        assert "into a_b_ c_-2_labels.tif" in texts[3]

    def test_a_folder_that_cannot_be_written_is_told(self, qtbot, dock, learner, grey, tmp_path):
        (tmp_path / "file").write_text("no folder")
        dock.options.choose_folder(tmp_path / "file" / "below")
        qtbot.waitUntil(lambda: "into" in fates(dock)["one"])
        press_run(qtbot, dock)
        over(qtbot, dock)
        assert "cannot be made (Not a directory)" in fates(dock)["one"]
        assert dock.summary.text().startswith("3 images: 3 failed. the folder")
        assert dock.end.report_button.isHidden() and not dock.end.save_button.isHidden()

    @pytest.mark.fault("full disk")
    def test_a_full_disk_costs_what_does_not_fit(
        self, qtbot, dock, learner, grey, out, monkeypatch
    ):
        import errno

        from napari_unet.core.io import write_result

        real = write_result._write_tiff

        def full(path, data, result):
            if "one" in path.name:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(path, data, result)

        monkeypatch.setattr(write_result, "_write_tiff", full)
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        assert "No space left on device" in fates(dock)["one"]
        assert fates(dock)["two"].startswith("done")

    def test_instances_can_be_measured(self, qtbot, dock, learner, grey, out):
        dock.options.instances.setChecked(True)
        dock.options.measure.setChecked(True)
        dock.options.labels.setChecked(False)
        planned(qtbot, dock)
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3)
        over(qtbot, dock)
        made = sorted(path.name for path in out.iterdir())
        assert made == [
            "batch_fields.csv",
            "batch_report.csv",
            "one_fields.csv",
            "one_instances.csv",
            "one_instances.tif",
            "two_fields.csv",
            "two_instances.csv",
            "two_instances.tif",
        ]
        assert tifffile.imread(out / "two_instances.tif").dtype == np.int32
        assert fates(dock)["two"] == "done: two_instances.tif, 3 cells"

    def test_to_layers_again(self, qtbot, dock, grey, out):
        dock.options.place.setCurrentIndex(0)
        dock.options.place.activated.emit(0)
        qtbot.waitUntil(lambda: fates(dock)["one"] == "will be segmented")


def test_a_run_that_ends_by_an_error_is_told(qtbot, dock, grey, monkeypatch, tmp_path):
    """One that stands for any, between two images."""
    from napari_unet.widgets.batch import worker

    def broken(*_, **__):
        yield ItemStarted(0)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(worker, "run_batch", broken)
    dock.options.choose_folder(tmp_path / "out")
    planned(qtbot, dock)
    press_run(qtbot, dock)
    over(qtbot, dock)
    assert "Input/output error" in dock.summary.text()
    assert dock.summary.text().startswith("3 images: 3 failed.")
    assert all("Input/output error" in text for text in fates(dock).values())


def test_a_dock_that_is_closed_in_a_run_ends_it(qtbot, model, learners, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_STOP_MS", 10)
    widget = BatchSegment(model)
    path = tmp_path / "model.unet"
    path.write_bytes(model_file())
    widget.session.load_model(path)
    model.add_image(noise(6, 8), name="one")
    planned(qtbot, widget)
    press_run(qtbot, widget)
    qtbot.waitUntil(lambda: len(learners[0].pieces) == 1)
    widget.deleteLater()
    qtbot.waitUntil(lambda: learners[0].closed and learners[0].dropped == [1])


class TestFiles:
    @pytest.fixture
    def layer(self, qtbot, model, dock, grey, tmp_path):
        """A folder of five files that was opened as one layer."""
        (tmp_path / "well").mkdir()
        for name in ("a2", "a10", "b", "c", "d"):
            tifffile.imwrite(tmp_path / "well" / f"{name}.tif", noise(6, 8))
        model.layers.clear()
        files = [tmp_path / "well" / f"{name}.tif" for name in ("a2", "a10", "b", "c", "d")]
        with layer_source(path=str(tmp_path / "well"), reader_plugin="napari"):
            layer = model.add_image(np.stack([tifffile.imread(file) for file in files]))
        assert layer.data.shape == (5, 6, 8)
        return layer

    def test_of_a_folder_have_a_result_each(self, qtbot, dock, learner, layer, tmp_path):
        dock.options.choose_folder(tmp_path / "out")
        planned(qtbot, dock, "5 of 5 will run")
        assert fates(dock) == {layer.name: "5 files: 5 will be segmented"}
        press_run(qtbot, dock)
        answer(qtbot, learner, 0, 1, 2, 3, 4)
        over(qtbot, dock)
        names = {f"{name}_labels.tif" for name in ("a2", "a10", "b", "c", "d")}
        assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "batch_report.csv"}
        assert tifffile.imread(tmp_path / "out" / "b_labels.tif").shape == (6, 8)
        assert fates(dock) == {layer.name: "5 files: 5 done"}
        with open(tmp_path / "out" / "batch_report.csv", newline="") as file:
            items = [row["item"] for row in csv.DictReader(file)]
        assert [item.rpartition(": ")[2] for item in items] == [
            f"{name}.tif" for name in ("a2", "a10", "b", "c", "d")
        ]

    def test_stay_one_layer_where_results_are_layers(self, qtbot, dock, layer):
        planned(qtbot, dock, "1 of 1 will run")


def test_the_status_has_room_for_sentences(qtbot, dock, grey):
    dock.resize(360, 700)
    dock.show()
    table = dock.table
    qtbot.waitUntil(lambda: table.viewport().width() > 200)
    room = table.columnWidth(2) / table.fontMetrics().averageCharWidth()
    assert room > 20
    assert sum(table.columnWidth(at) for at in range(3)) <= table.viewport().width()
