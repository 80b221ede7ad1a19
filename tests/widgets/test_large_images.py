"""Layers that are worked on in parts; the limit from which on they are is lower here."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import look_at
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QPushButton, QSpinBox

from fakes import model_file
from napari_unet.core.images import cutout
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.io import scratch
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import UnwritableOutput
from napari_unet.learner.messages import LivePlane, LiveStrokes, LiveView
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.annotate.live_sync import LiveLoop
from napari_unet.widgets.desk.prediction_order import parts_of
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.reading import painted_pieces_reader, spot_reader
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.spots import CELL, Spot, around, spots_of
from napari_unet.widgets.layers.strokes import new_annotation

SIZE = 3000


@pytest.fixture(autouse=True)
def _low_limit(monkeypatch):
    monkeypatch.setattr(cutout, "MOST_WHOLE", 2100 * 2100)


class Lazy:
    """A large array that notes what is read of it: stripes, made where they are asked for."""

    ndim, dtype = 2, np.dtype(np.uint8)

    def __init__(self, size: int) -> None:
        self.shape, self.size = (size, size), size**2
        self._read = np.zeros((size // 16, size // 16), bool)

    @property
    def pixels(self) -> int:
        """How many were read at least once, in squares of 16 x 16."""
        return 256 * int(self._read.sum())

    def __getitem__(self, key):
        rows, columns = (np.arange(n)[part] for n, part in zip(self.shape, key, strict=True))
        self._read[np.ix_(np.unique(rows // 16), np.unique(columns // 16))] = True
        return np.where((columns // 20) % 2, 170, 60).astype(np.uint8) * np.ones_like(
            rows[..., None], np.uint8
        )


@pytest.fixture
def large(desk):
    """The desk with a large image in place of its small one, of which a corner is in view."""
    image = desk.viewer.add_image(
        [np.random.default_rng(0).integers(0, 9, (n, n), np.uint8) for n in (SIZE, SIZE // 4)],
        multiscale=True,
        name="slide",
    )
    desk.choice.image = image
    look_at(desk.viewer, 100, 501, 100, 601)
    layer = new_annotation(image, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    layer.brush_size = 1
    return image


class TestSpots:
    def test_a_usual_plane_is_one(self):
        assert spots_of((5, 100, 100), (3,)) == [Spot((3,))]

    def test_a_large_plane_has_cells_that_share_no_pixel(self):
        count = np.zeros((SIZE, SIZE), int)
        for spot in spots_of((SIZE, SIZE), ()):
            count[spot.slices] += 1
        assert (count == 1).all()

    def test_a_region_has_the_cells_that_it_touches(self):
        spots = spots_of((SIZE, SIZE), (), (CELL - 1, CELL + 1, 5, 6))
        assert [spot.cell[0] for spot in spots] == [0, CELL]

    def test_strokes_lie_in_what_is_around_their_cell(self, large, desk):
        layer = desk.choice.annotation
        layer.data[CELL + 3, 2 * CELL + 5] = 2
        layer.data[CELL - 1, 2 * CELL + 5] = 1  # of the cell above
        cell = (CELL, 2 * CELL, 2 * CELL, SIZE)
        strokes = spot_reader(layer, Spot((), cell))()
        box = around(cell, (SIZE, SIZE))
        assert strokes.shape == box.sides
        found = np.argwhere(strokes) + np.array((box.rows[0], box.columns[0]))
        assert found.tolist() == [[CELL + 3, 2 * CELL + 5]]


class TestStrokes:
    def test_are_counted_by_cell(self, qtbot, desk, large):
        layer = desk.choice.annotation
        layer.paint((200, 200), 1)
        layer.paint((2500, 200), 2)
        qtbot.waitUntil(lambda: desk.watch.counts == {1: 1, 2: 1}, timeout=3000)
        cells = [Tile((0, 1024), (0, 1024)), Tile((2048, 3000), (0, 1024))]
        assert desk.watch.painted_planes() == {(): cells}

    def test_that_are_undone_and_done_again_are_counted(self, qtbot, desk, large):
        layer = desk.choice.annotation
        layer.paint((2500, 200), 2)
        qtbot.waitUntil(lambda: desk.watch.counts == {2: 1}, timeout=3000)
        layer.undo()
        qtbot.waitUntil(lambda: desk.watch.counts == {}, timeout=3000)
        layer.redo()
        qtbot.waitUntil(lambda: desk.watch.counts == {2: 1}, timeout=3000)

    def test_are_read_in_pieces(self, desk, large):
        layer = desk.choice.annotation
        layer.data[200, 200:210] = 1
        layer.data[2900, 200:210] = 2
        planes = painted_pieces_reader(large, layer, {(): None}, reach=100)()
        assert len(set(planes.keys)) == 1
        assert [int(labels.max()) for labels in planes.labels] == [1, 2]
        assert [labels.shape for labels in planes.labels] == [
            (bottom - top, right - left) for top, bottom, left, right in planes.boxes
        ]
        top, _, left, _ = planes.boxes[1]
        assert planes.labels[1][2900 - top, 200 - left] == 2


class TestPrediction:
    def test_blocks_in_view_come_first_and_all_are_there(self):
        parts = parts_of((2, 9000, 7000), [(1,)], None, (4200, 4300, 100, 200))
        assert parts[0] == ((1,), (4096, 6144, 0, 2048))
        count = np.zeros((9000, 7000), np.uint8)
        for _, (top, bottom, left, right) in parts:
            count[top:bottom, left:right] += 1
        assert (count == 1).all()

    def test_of_a_view_starts_where_the_view_does(self):
        parts = parts_of((9000, 7000), [()], (100, 300, 50, 60), (100, 300, 50, 60))
        assert parts == [((), (100, 300, 50, 60))]

    def test_is_sent_block_by_block_and_written_into_a_pyramid(self, desk, large, fake, answer):
        predictions = Predictions(desk.viewer, desk.session)
        ended = []
        predictions.ended.connect(lambda *what: ended.append(what))
        predictions.start(large, [()], model=model_file())
        for number in range(4):
            request = fake.jobs[number].prepare()
            assert isinstance(request.images[0], Cutout)
            answer(fake.jobs[number], *fake.predict(fake.jobs[number], 1 + number % 2))
        assert ended[0][1:] == ("", False)
        layer = segmentation_of(desk.viewer, large)
        assert layer.multiscale
        assert layer.data[0].shape == (SIZE, SIZE)
        assert (np.asarray(layer.data[0]) > 0).all()
        np.testing.assert_array_equal(layer.data[1], layer.data[0][::4, ::4])

    def test_without_room_for_the_result_is_refused_at_once(self, desk, large, monkeypatch):
        monkeypatch.setattr(scratch, "MOST_IN_MEMORY", 1000)
        usage = type("Usage", (), {"free": 0})
        monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _folder: usage)
        with pytest.raises(UnwritableOutput, match="make room"):
            Predictions(desk.viewer, desk.session).start(large, [()], model=model_file())


class TestLive:
    @pytest.fixture
    def loop(self, desk, large):
        return LiveLoop(
            desk,
            lambda seconds: TrainSettings.checked(seconds=seconds, device="cpu"),
            desk.owner,
        )

    def told(self, qtbot, desk, fake, kind):
        heard = []

        def come():
            heard.extend(fake.told(desk.session.live.job))
            return any(isinstance(message, kind) for message in heard)

        qtbot.waitUntil(come, timeout=3000)
        return heard

    def test_the_view_is_sent_as_a_part(self, qtbot, desk, large, loop, fake):
        loop.switch(True)
        (view,) = (m for m in self.told(qtbot, desk, fake, LiveView) if isinstance(m, LiveView))
        assert isinstance(view.image, Cutout)
        assert view.region == (100, 501, 100, 601)
        loop.switch(False)

    def test_strokes_are_sent_by_cell(self, qtbot, desk, large, loop, fake):
        loop.switch(True)
        layer = desk.choice.annotation
        layer.paint((200, 300), 2)
        heard = self.told(qtbot, desk, fake, LiveStrokes)
        (plane,) = (m for m in heard if isinstance(m, LivePlane))
        (strokes,) = (m for m in heard if isinstance(m, LiveStrokes))
        assert plane.key == strokes.key != next(m.key for m in heard if isinstance(m, LiveView))
        assert plane.image.box == Tile((0, 1536), (0, 1536))
        assert strokes.box == (200, 201, 300, 301)
        layer.undo()
        (undone,) = (
            m for m in self.told(qtbot, desk, fake, LiveStrokes) if isinstance(m, LiveStrokes)
        )
        assert undone.labels.tolist() == [[0]]
        loop.switch(False)

    def test_too_wide_a_view_waits_for_a_nearer_look(self, qtbot, desk, large, loop, fake):
        desk.choice.annotation.paint((200, 200), 1)
        desk.choice.annotation.paint((250, 300), 2)
        qtbot.waitUntil(lambda: len(desk.watch.counts) == 2, timeout=3000)
        look_at(desk.viewer, 0, SIZE - 1, 0, SIZE - 1)
        loop.switch(True)
        assert "zoom in" in loop.status()
        assert desk.session.state is State.LIVE
        look_at(desk.viewer, 0, 301, 0, 301)
        told = self.told(qtbot, desk, fake, LiveView)
        assert [m.region for m in told if isinstance(m, LiveView)] == [(0, 301, 0, 301)]
        assert "zoom in" not in loop.status()
        loop.switch(False)


def test_a_lazy_image_in_the_real_window_is_painted_trained_on_and_segmented(qtbot, make_window):
    """12,000 x 12,000 pixels, of which a small part is read, again and again."""
    size = 12_000
    viewer = make_window()
    slide = Lazy(size)
    small = np.zeros((size // 16, size // 16), np.uint8)
    image = viewer.add_image(
        [slide, small], multiscale=True, name="slide", contrast_limits=(0, 255)
    )
    viewer.camera.center, viewer.camera.zoom = (6000, 6000), 2.0
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate and train")
    session = dock.session
    said = []
    session.said.connect(lambda _level, text: said.append(text))

    def press(name):
        qtbot.mouseClick(dock.findChild(QPushButton, name), Qt.MouseButton.LeftButton)

    press("new_annotation_button")
    layer = viewer.layers["strokes on slide"]
    layer.brush_size = 3
    for at in (5900, 6100):
        for column in range(at // 40 * 40, at // 40 * 40 + 40, 20):
            for row in range(at, at + 15):
                layer.paint((row, column + 10), 1 + column // 20 % 2)
    button = dock.findChild(QPushButton, "train_button")
    qtbot.waitUntil(button.isEnabled, timeout=30_000)
    assert said == []
    dock.findChild(QSpinBox, "seconds_spin").setValue(2)
    press("train_button")
    qtbot.waitUntil(lambda: button.text() == "&Train", timeout=150_000)
    qtbot.waitUntil(lambda: not session.predictions.running, timeout=100_000)
    result = segmentation_of(viewer, image)
    assert (result.data[0][6000:6100, 6000:6100] > 0).all()
    assert not result.data[0][:1000].any()
    assert slide.pixels < 0.15 * size**2

    switch = dock.findChild(QCheckBox, "live_switch")
    result.data[0][6000:6100, 6000:6100] = 0
    switch.click()
    qtbot.waitUntil(lambda: bool((result.data[0][6000:6100, 6000:6100] > 0).all()), timeout=150_000)
    switch.click()
    qtbot.waitUntil(lambda: session.state is State.IDLE, timeout=60_000)
    assert slide.pixels < 0.15 * size**2
