"""What an image is taken as, chosen in the dock: axes, channels, levels; a scripted learner."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import tifffile
from layer_helpers import paint_two_classes
from napari.layers import Image
from napari.layers._source import layer_source
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QListWidget, QPushButton

from fakes import model_file
from napari_unet.core.io.open_image import open_image
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import Failed, LiveView, Trained
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.layers.from_file import take_from
from napari_unet.widgets.layers.picture import is_guessed, picture_of
from napari_unet.widgets.layers.results import segmentation_of


@pytest.fixture
def viewer(make_viewer, learners):
    return make_viewer()


@pytest.fixture
def dock(viewer):
    widget = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(widget, name="dock")
    return widget


@pytest.fixture
def learner(dock, learners):
    return learners[0]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


def find(dock, kind, name):
    return dock.findChild(kind, name)


def press(qtbot, dock, name):
    qtbot.mouseClick(find(dock, QPushButton, name), Qt.MouseButton.LeftButton)


def label(dock) -> str:
    return find(dock, QLabel, "picture_label").text()


def pick(dock, name, text):
    """Choose an entry of a box as a click on it does."""
    combo = find(dock, QComboBox, name)
    index = combo.findText(text)
    assert index >= 0, [combo.itemText(i) for i in range(combo.count())]
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def use_model(dock, tmp_path, **details):
    path = tmp_path / "model.unet"
    path.write_bytes(model_file(**details))
    dock.session.load_model(path)


def open_channels(qtbot, dock) -> QListWidget:
    press(qtbot, dock, "change_button")
    channels = find(dock, QListWidget, "channels_list")
    qtbot.waitUntil(channels.isVisible)
    return channels


def take_from_file(qtbot, dock):
    press(qtbot, dock, "change_button")
    button = find(dock, QPushButton, "from_file_button")
    qtbot.waitUntil(button.isVisible)
    button.click()
    button.window().reject()


def close_channels(qtbot, channels):
    qtbot.keyClick(channels, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not channels.isVisible())


def names(channels) -> list[str]:
    return [channels.item(row).text() for row in range(channels.count())]


def check(channels, name, on=True):
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    channels.item(names(channels).index(name)).setCheckState(state)


def test_a_plain_grey_image_shows_one_line_and_nothing_to_choose(viewer, dock):
    viewer.add_image(noise(32, 40), name="cells")
    assert label(dock) == "32 x 40, 1 channel"
    assert find(dock, QPushButton, "change_button").isHidden()


def test_slices_become_time_and_channels_in_one_click(qtbot, viewer, dock, learner):
    movie = viewer.add_image(noise(7, 32, 40), name="movie")
    assert label(dock) == "7 slices of 32 x 40, 1 channel <b>(guessed)</b>"
    assert "nothing says what it is" in find(dock, QLabel, "picture_label").toolTip()
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on movie"]
    assert strokes.data.shape == (7, 32, 40)
    pick(dock, "axes_combo", "time")
    assert label(dock) == "7 time points of 32 x 40, 1 channel"
    viewer.dims.set_current_step(0, 4)
    strokes.paint((4, 8, 8), 1)
    strokes.paint((4, 20, 8), 2)
    train = find(dock, QPushButton, "train_button")
    qtbot.waitUntil(train.isEnabled)
    press(qtbot, dock, "train_button")
    request = learner.trainings[0].prepare()
    assert [image.shape for image in request.images] == [(1, 32, 40)]
    assert np.array_equal(request.images[0][0], movie.data[4])
    learner.say(learner.trainings[0].number, Trained(5, 1.0, "budget", 0.9, model_file()))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    (job,) = learner.predictions
    learner.say(job.number, *learner.predict(job, 2))
    qtbot.waitUntil(lambda: not dock.session.predictions.running)
    assert segmentation_of(viewer, movie).data.any(axis=(1, 2)).tolist() == [
        i == 4 for i in range(7)
    ]

    pick(dock, "axes_combo", "channels")
    assert label(dock) == "32 x 40, 7 channels"
    status = find(dock, QLabel, "train_status")
    assert status.text().startswith("The strokes are 7 x 32 x 40 pixels, the image 32 x 40")
    press(qtbot, dock, "new_annotation_button")
    flat = viewer.layers.selection.active
    assert flat.data.shape == (32, 40)
    paint_two_classes(flat)
    qtbot.waitUntil(lambda: "The model needs 1 channel" in status.text())
    assert not train.isEnabled()

    pick(dock, "axes_combo", "slices")
    qtbot.waitUntil(train.isEnabled)
    assert dock.findChild(QComboBox, "annotation_combo").layer is strokes


def test_what_is_chosen_is_still_there_when_the_dock_is_opened_again(viewer, dock):
    viewer.add_image(noise(7, 32, 40), name="movie")
    pick(dock, "axes_combo", "time")
    viewer.window.remove_dock_widget(dock)
    again = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(again, name="again")
    assert label(again) == "7 time points of 32 x 40, 1 channel"


def test_channels_of_a_layer_are_chosen_and_ordered(qtbot, viewer, dock, learner, tmp_path):
    image = viewer.add_image(noise(3, 32, 40), name="stain", axis_labels=("c", "y", "x"))
    assert label(dock) == "32 x 40, 3 channels"
    use_model(dock, tmp_path, channels=2)
    segment = find(dock, QPushButton, "segment_image_button")
    assert "needs 2 channels, the image has 3; press Change… beside the image" in segment.toolTip()
    channels = open_channels(qtbot, dock)
    assert names(channels) == ["stain: channel 0", "stain: channel 1", "stain: channel 2"]
    check(channels, "stain: channel 0", on=False)
    channels.setCurrentRow(2)
    press(qtbot, dock, "channel_up_button")
    close_channels(qtbot, channels)
    assert label(dock) == "32 x 40, 2 of 3 channels"
    assert segment.isEnabled()
    press(qtbot, dock, "segment_image_button")
    (job,) = learner.predictions
    (sent,) = job.prepare().images
    assert np.array_equal(sent, image.data[[2, 1]])
    learner.say(job.number, *learner.predict(job, 2))
    qtbot.waitUntil(lambda: segmentation_of(viewer, image) is not None)
    assert segmentation_of(viewer, image).data.shape == (32, 40)


def test_a_model_says_when_it_is_given_other_channels(qtbot, viewer, dock, learner, tmp_path):
    viewer.add_image(noise(3, 32, 40), name="stain", axis_labels=("c", "y", "x"))
    channels = open_channels(qtbot, dock)
    check(channels, "stain: channel 0", on=False)
    close_channels(qtbot, channels)
    press(qtbot, dock, "new_annotation_button")
    paint_two_classes(viewer.layers["strokes on stain"])
    qtbot.waitUntil(find(dock, QPushButton, "train_button").isEnabled)
    press(qtbot, dock, "train_button")
    assert learner.trainings[0].prepare().channels == (1, 2)
    learner.say(learner.trainings[0].number, Failed("there is nothing to learn."))
    qtbot.waitUntil(lambda: dock.session.state is State.IDLE)
    use_model(dock, tmp_path, channels=2, order=(2, 1))
    said = "The model was trained on channels 2 and 1 and is given 1 and 2, counted from 0"
    assert said in label(dock)
    assert find(dock, QPushButton, "segment_image_button").isEnabled()
    channels = open_channels(qtbot, dock)
    channels.setCurrentRow(names(channels).index("stain: channel 2"))
    press(qtbot, dock, "channel_up_button")
    close_channels(qtbot, channels)
    assert label(dock) == "32 x 40, 2 of 3 channels"


def test_no_checked_channel_changes_nothing(qtbot, viewer, dock):
    viewer.add_image(noise(3, 32, 40), name="stain", axis_labels=("c", "y", "x"))
    channels = open_channels(qtbot, dock)
    for name in names(channels):
        check(channels, name, on=False)
    close_channels(qtbot, channels)
    assert label(dock) == "32 x 40, 3 channels"


def test_two_layers_are_stacked_as_channels_until_one_is_removed(qtbot, viewer, dock, learner):
    cells = viewer.add_image(noise(32, 40), name="cells")
    assert find(dock, QPushButton, "change_button").isHidden()
    nuclei = viewer.add_image(255 - noise(32, 40), name="nuclei")
    viewer.add_image(noise(16, 16), name="small")
    find(dock, QComboBox, "image_combo").choose(cells)
    channels = open_channels(qtbot, dock)
    assert names(channels) == ["cells", "nuclei"]
    check(channels, "nuclei")
    close_channels(qtbot, channels)
    assert label(dock) == "32 x 40, 2 channels of 2 layers"
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on cells"]
    paint_two_classes(strokes)
    qtbot.waitUntil(find(dock, QPushButton, "train_button").isEnabled)
    press(qtbot, dock, "train_button")
    request = learner.trainings[0].prepare()
    assert np.array_equal(request.images[0], np.stack([cells.data, nuclei.data]))
    viewer.layers.remove(nuclei)
    assert label(dock) == "32 x 40, 1 channel"
    assert find(dock, QComboBox, "annotation_combo").layer is strokes


def test_live_sends_the_chosen_channels_and_goes_on_only_with_as_many(qtbot, viewer, dock, learner):
    stack = viewer.add_image(noise(5, 2, 32, 40), name="stack")
    assert label(dock) == "5 slices of 32 x 40, 2 channels <b>(guessed)</b>"
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on stack"]
    assert strokes.data.shape == (5, 1, 32, 40)
    viewer.dims.set_current_step(0, 3)
    for channel in (0, 1):
        viewer.dims.set_current_step(1, channel)
        strokes.paint((3, 0, 8 + channel, 8), 1)
    strokes.paint((3, 0, 20, 8), 2)
    find(dock, QCheckBox, "live_switch").click()
    number = learner.jobs[-1].number
    heard = []
    qtbot.waitUntil(lambda: bool(heard.extend(learner.told(number)) or len(heard) >= 3))
    views = [message for message in heard if isinstance(message, LiveView)]
    assert np.array_equal(views[0].image, stack.data[3])
    pick(dock, "axes_combo", "time, slices")
    status = find(dock, QLabel, "train_status")
    qtbot.waitUntil(lambda: "The strokes are 5 x 1 x 32 x 40 pixels" in status.text())
    press(qtbot, dock, "new_annotation_button")
    needed = "Live learns from images with 2 channels, and stack has 1"
    qtbot.waitUntil(lambda: needed in status.text())


def test_a_level_is_painted_on_and_segmented_in_its_place(qtbot, viewer, dock, learner, tmp_path):
    data = noise(128, 160)
    slide = viewer.add_image(
        [data, data[::2, ::2], data[::4, ::4]], multiscale=True, scale=(0.5, 0.5), name="slide"
    )
    combo = find(dock, QComboBox, "level_combo")
    assert not combo.isHidden() and combo.count() == 3
    pick(dock, "level_combo", "level 1: 64 x 80")
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on slide"]
    assert strokes.data.shape == (64, 80)
    assert strokes.scale.tolist() == [1, 1]
    use_model(dock, tmp_path)
    press(qtbot, dock, "segment_image_button")
    (job,) = learner.predictions
    assert np.array_equal(job.prepare().images[0][0], data[::2, ::2])
    learner.say(job.number, *learner.predict(job, 2))
    qtbot.waitUntil(lambda: segmentation_of(viewer, slide) is not None)
    result = segmentation_of(viewer, slide)
    for corner in ((-0.5, -0.5), (63.5, 79.5)):
        finest = 2 * (np.array(corner) + 0.5) - 0.5
        assert np.allclose(result.data_to_world(corner), slide.data_to_world(finest))


def test_rgb_is_as_it_was(qtbot, viewer, dock, learner, tmp_path):
    image = viewer.add_image(noise(32, 40, 3), rgb=True, name="tissue")
    assert label(dock) == "32 x 40, RGB"
    use_model(dock, tmp_path, channels=3)
    press(qtbot, dock, "segment_image_button")
    (sent,) = learner.predictions[0].prepare().images
    assert np.array_equal(sent, np.moveaxis(image.data, -1, 0))
    channels = open_channels(qtbot, dock)
    assert names(channels) == ["tissue: red", "tissue: green", "tissue: blue"]
    close_channels(qtbot, channels)
    assert picture_of(image).channels == (0, 1, 2)


def test_a_change_while_planes_are_segmented_ends_it(qtbot, viewer, dock, learner, tmp_path):
    viewer.add_image(noise(7, 32, 40), name="movie")
    use_model(dock, tmp_path)
    press(qtbot, dock, "segment_image_button")
    (job,) = learner.predictions
    answers = learner.predict(job, 2)
    pick(dock, "axes_combo", "channels")
    learner.say(job.number, *answers)
    qtbot.waitUntil(find(dock, QPushButton, "segment_stop_button").isHidden)
    assert learner.stopped == [job.number]


def test_a_layer_that_is_no_image_says_why(viewer, dock):
    viewer.add_image(np.zeros((2, 5, 6, 7, 8, 9)), name="many")
    assert "many: an array of shape (2, 5, 6, 7, 8, 9) has more axes" in label(dock)
    assert not find(dock, QPushButton, "new_annotation_button").isEnabled()


def test_new_data_are_looked_at_anew(viewer, dock):
    image = viewer.add_image(noise(7, 32, 40), name="movie")
    image.data = noise(32, 40)
    assert label(dock) == "32 x 40, 1 channel"
    image.data = noise(9, 16, 16)
    assert label(dock).startswith("9 slices of 16 x 16")


def test_the_batch_says_what_a_choice_changes(qtbot, viewer, dock, tmp_path):
    batch = BatchSegment(viewer)

    def until_said(text):
        qtbot.waitUntil(lambda: text in batch.table.item(0, 2).text(), timeout=20_000)

    viewer.window.add_dock_widget(batch, name="batch")
    viewer.add_image(noise(7, 32, 40), name="movie")
    use_model(dock, tmp_path)
    until_said("will be segmented")
    pick(dock, "axes_combo", "channels")
    until_said("7 channels")
    pick(dock, "axes_combo", "time")
    until_said("will be segmented")


def test_strokes_on_slices_of_channels_are_seen_and_painted_with_each_channel(qtbot, viewer, dock):
    viewer.add_image(noise(5, 3, 32, 40), name="stack", scale=(2, 4, 1, 1))
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on stack"]
    strokes.data[3, 0, 8, 8] = 2
    viewer.dims.set_current_step(0, 3)
    for channel in range(3):
        viewer.dims.set_current_step(1, channel)
        strokes.refresh()
        assert viewer.dims.point[:2] == (6, 4 * channel)
        assert strokes.get_value((6, 4 * channel, 8, 8), world=True) == 2
        assert np.asarray(strokes._slice.image.raw).shape == (32, 40)
        assert (np.asarray(strokes._slice.image.raw) == 2).sum() == 1


class TestAxesThatNapariShowsOtherwise:
    """Channels behind the columns, axes of length 1, more axes than names."""

    @pytest.mark.parametrize("kind", ["numpy", "dask", "pyramid"])
    def test_channels_that_come_last_are_brought_first(self, viewer, dock, kind, caplog):
        data = noise(64, 48, 2)
        given = {"numpy": data, "dask": da.from_array(data), "pyramid": [data, data[::2, ::2]]}[
            kind
        ]
        layer = viewer.add_image(
            given, rgb=False, multiscale=kind == "pyramid", scale=(2, 3, 1), translate=(7, 8, 9)
        )
        assert label(dock).startswith("64 x 48, 2 channels")
        picture = picture_of(layer)
        assert (picture.own.axes, picture.shape) == ("CYX", (64, 48))
        assert layer.scale.tolist() == [1, 2, 3]
        assert layer.translate.tolist() == [9, 7, 8]
        finest = layer.data[0] if kind == "pyramid" else layer.data
        assert isinstance(finest, np.ndarray) == (kind != "dask"), "nothing is read"
        np.testing.assert_array_equal(np.asarray(finest), np.moveaxis(data, -1, 0))
        assert "put first" in caplog.text

    def test_what_is_turned_can_be_taken_otherwise(self, viewer, dock):
        viewer.add_image(noise(64, 48, 3).astype(np.uint16), rgb=False)
        pick(dock, "axes_combo", "slices")
        assert label(dock) == "3 slices of 64 x 48, 1 channel"

    def test_small_planes_and_colours_stay(self, viewer, dock):
        stack = viewer.add_image(noise(30, 4, 4), rgb=False)
        colours = viewer.add_image(noise(30, 40, 3), rgb=True)
        for layer, shape in ((stack, (30, 4, 4)), (colours, (30, 40, 3))):
            find(dock, QComboBox, "image_combo").choose(layer)
            assert layer.data.shape == shape

    @pytest.mark.parametrize(
        ("shape", "taken"),
        [
            ((1, 1, 1, 32, 40), "CTZYX"),
            ((10, 20, 1, 32, 40), "TZCYX"),
            ((1, 1, 30, 32, 40), "CTZYX"),
            ((5, 6, 7, 32, 40), "CTZYX"),
        ],
    )
    def test_five_axes_are_guessed_and_can_be_named_otherwise(self, viewer, dock, shape, taken):
        layer = viewer.add_image(np.broadcast_to(np.arange(40, dtype=np.uint8), shape))
        assert picture_of(layer).own.axes == taken
        combo = find(dock, QComboBox, "axes_combo")
        assert not combo.isHidden()
        assert combo.count() == 6

    def test_the_guess_is_the_shells_also_for_a_model_of_volumes(self, viewer, dock, tmp_path):
        path = tmp_path / "volumes.unet"
        path.write_bytes(model_file(dimensions=3))
        layer = viewer.add_image(np.zeros((3, 32, 40), np.uint16))
        assert picture_of(layer).own.axes == "CYX"
        dock.session.load_model(path)
        assert picture_of(layer).own.axes == "ZYX"
        assert is_guessed(layer)
        dock.session.forget_model()
        assert picture_of(layer).own.axes == "CYX"

    def test_strokes_with_an_axis_of_length_1_are_strokes_on_the_plane(
        self, qtbot, viewer, dock, learner
    ):
        viewer.add_image(noise(32, 40), name="cells")
        strokes = viewer.add_labels(np.zeros((1, 32, 40), np.uint8), name="mine")
        strokes.data[0, 8, 6:30] = 1
        strokes.data[0, 20, 6:30] = 2
        find(dock, QComboBox, "annotation_combo").choose(strokes)
        assert strokes.data.shape == (32, 40)
        assert (strokes.data == 2).sum() == 24
        button = find(dock, QPushButton, "train_button")
        qtbot.waitUntil(button.isEnabled, timeout=5000)
        press(qtbot, dock, "train_button")
        assert learner.trainings[0].prepare().labels[0].shape == (32, 40)


class TestFromFile:
    """Axes, pixel size and units that napari's own reader drops."""

    @pytest.fixture
    def stack(self, viewer, dock, tmp_path):
        path = tmp_path / "movie.tif"
        metadata = {"axes": "TYX", "unit": "um", "finterval": 3.0}
        tifffile.imwrite(path, noise(7, 32, 40), imagej=True, resolution=(4, 2), metadata=metadata)
        (layer,) = viewer.open(str(path), plugin="napari")
        return layer

    def test_are_given_to_the_layer_and_what_lies_on_it(self, qtbot, viewer, dock, stack):
        assert label(dock) == "7 slices of 32 x 40, 1 channel <b>(guessed)</b>"
        press(qtbot, dock, "new_annotation_button")
        take_from_file(qtbot, dock)
        assert label(dock) == "7 time points of 32 x 40, 1 channel"
        strokes = viewer.layers["strokes on movie"]
        for layer in (stack, strokes):
            assert layer.scale.tolist() == [3.0, 0.5, 0.25]
            assert [str(unit) for unit in layer.units][1:] == ["micrometer", "micrometer"]
        assert picture_of(stack).own.pixel_size == {"T": 3.0, "Y": 0.5, "X": 0.25}
        assert find(dock, QComboBox, "annotation_combo").layer is strokes
        assert find(dock, QPushButton, "from_file_button").isHidden()

    def test_a_file_that_says_nothing_is_told(self, qtbot, viewer, dock, tmp_path):
        tifffile.imwrite(tmp_path / "plain.tif", noise(7, 32, 40), metadata=None)
        viewer.open(str(tmp_path / "plain.tif"), plugin="napari")
        said = []
        dock.session.said.connect(lambda _, text: said.append(text))
        take_from_file(qtbot, dock)
        assert "says neither what its axes are nor its pixel size" in said[0]
        assert "(guessed)" in label(dock)

    def test_a_stack_of_files_is_refused(self, viewer, dock, tmp_path):
        paths = [tmp_path / f"{number}.tif" for number in range(3)]
        for path in paths:
            tifffile.imwrite(path, noise(32, 40))
        (layer,) = viewer.open([str(path) for path in paths], stack=True, plugin="napari")
        with open_image(paths[0]) as source, pytest.raises(InvalidInput, match="has the shape"):
            take_from(viewer, layer, source)

    def test_there_is_nothing_to_ask_where_there_is_no_file(self, viewer, dock):
        viewer.add_image(noise(7, 32, 40), name="cells")
        assert find(dock, QPushButton, "from_file_button").isHidden()

    @pytest.mark.parametrize("channels", [2, 7])
    def test_channels_behind_the_columns_are_taken_as_the_file_names_them(
        self, qtbot, viewer, dock, tmp_path, channels
    ):
        path = tmp_path / "interleaved.ome.tif"
        metadata = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
        tifffile.imwrite(
            path,
            noise(64, 48, channels),
            metadata=metadata,
            photometric="minisblack",
            planarconfig="contig",
        )
        with layer_source(path=str(path)):  # as a reader of napari that shows no colours
            layer = Image(tifffile.imread(path), rgb=False, name="cells")
        viewer.add_layer(layer)
        said = []
        dock.session.said.connect(lambda _, text: said.append(text))
        take_from_file(qtbot, dock)
        assert said == []
        assert label(dock) == f"64 x 48, {channels} channels"
        assert layer.data.shape == (channels, 64, 48)
        assert layer.scale.tolist()[1:] == [0.25, 0.5]
