"""Volumes in the window: what is read of a layer, sent to the learner and written back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image

from fakes import model_file
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.models.header import header_of
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import PlanePredicted, Predicted
from napari_unet.widgets.annotate.live_sync import LiveLoop
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel, Dimensions
from napari_unet.widgets.annotate.training import Training
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.paint_watch import PaintWatch
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.picture import choose_axes, choose_channels
from napari_unet.widgets.layers.readiness import why_not_segment
from napari_unet.widgets.layers.reading import reader
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.strokes import new_annotation
from napari_unet.widgets.layers.volumes import (
    has_slices,
    lies_in,
    painted_volumes_reader,
    volumes_under,
    voxel_size,
)

SHAPE = (2, 5, 6, 8)  # time, slices, rows, columns
ALL = slice(None)


@pytest.fixture
def stack(model, rng):
    layer = model.add_image(rng.normal(size=SHAPE), scale=(1, 2, 0.5, 0.5), units="um")
    choose_axes(layer, "TZYX")
    return layer


@pytest.fixture
def choice(qapp, stack):
    chosen = Choice()
    chosen.image = stack
    return chosen


class TestLayers:
    @pytest.mark.parametrize(
        ("shape", "labels", "has"),
        [
            ((6, 8), None, False),
            ((6, 8, 3), None, False),
            ((5, 6, 8), None, True),
            ((5, 6, 8, 3), None, True),
            ((5, 6, 8), ("t", "y", "x"), False),
            ((5, 6, 8), ("z", "y", "x"), True),
        ],
    )
    def test_slices_are_the_axis_that_is_taken_as_such(self, shape, labels, has):
        rgb = shape[-1] == 3
        layer = Image(np.zeros(shape, np.uint8), rgb=rgb, axis_labels=labels)
        assert has_slices(layer) == has
        assert not has_slices(None)

    def test_the_voxel_size_is_the_scale_in_one_unit(self, stack):
        assert voxel_size(stack) == (2.0, 0.5, 0.5)
        mixed = Image(np.zeros((5, 6, 8)), scale=(50, 0.005, -0.005), units=("nm", "um", "um"))
        assert voxel_size(mixed) == pytest.approx((0.05, 0.005, 0.005))
        assert voxel_size(Image(np.zeros((5, 6, 8)))) is None
        assert voxel_size(Image(np.zeros((5, 6, 8)), scale=(4, 1, 1))) == (4.0, 1.0, 1.0)
        partly = Image(np.zeros((5, 6, 8)), scale=(50, 1, 1), units=("nm", "pixel", "pixel"))
        assert voxel_size(partly) is None

    def test_planes_lie_in_volumes(self, stack):
        every = [(t, z) for t in range(2) for z in range(5)]
        assert volumes_under(stack, every, None) == ([(0, ALL), (1, ALL)], None)
        assert volumes_under(stack, [(1, 3)], None) == ([(1, ALL)], (3, 4, 0, 6, 0, 8))
        part = volumes_under(stack, [(0, 3), (0, 2)], (1, 4, 2, 7))
        assert part == ([(0, ALL)], (2, 4, 1, 4, 2, 7))
        assert lies_in((0, 3), (0, ALL))
        assert not lies_in((1, 3), (0, ALL))
        with pytest.raises(InvalidInput, match="no slices"):
            volumes_under(Image(np.zeros((6, 8))), [()], None)

    def test_slices_may_be_before_time_and_channels_behind_them(self, rng):
        data = rng.normal(size=(5, 2, 3, 6, 8))
        layer = Image(data)
        choose_axes(layer, "ZTCYX")
        places, part = volumes_under(layer, [(2, 1, 0)], None)
        assert (places, part) == ([(ALL, 1, 0)], (2, 3, 0, 6, 0, 8))
        expected = data[:, 1].transpose(1, 0, 2, 3)
        np.testing.assert_array_equal(whole_plane(reader(layer, places)()[0]), expected)

    def test_channels_of_several_layers(self, rng):
        one, other = (Image(rng.normal(size=(5, 6, 8))) for _ in range(2))
        choose_channels(one, [(other, 0), (one, 0)])
        (found,) = map(whole_plane, reader(one, [(ALL,)])())
        np.testing.assert_array_equal(found, np.stack([other.data, one.data]))

    def test_painted_volumes_are_read_whole_with_strokes_as_they_were(self, stack):
        strokes = new_annotation(stack, ())
        strokes.data[1, 2, 3], strokes.data[1, 4, 3] = 1, 2
        read = painted_volumes_reader(stack, strokes, [(1, 2), (1, 4)])
        before = strokes.data[1].copy()
        strokes.data[1, 0] = 2
        painted = read()
        assert len(painted.keys) == 1
        np.testing.assert_array_equal(whole_plane(painted.images[0]), stack.data[1][None])
        np.testing.assert_array_equal(painted.labels[0], before)
        assert (painted.pixel_size, painted.pixel_unit) == (None, "micrometer")

    def test_only_painted_planes_are_copied_while_the_window_waits(self, stack):
        strokes = new_annotation(stack, ())
        strokes.data[0, 1:4, 3], strokes.data[1, 2, 3] = 1, 2
        labels = painted_volumes_reader(stack, strokes, [(0, 1), (0, 3), (1, 2)])().labels
        assert [list(np.flatnonzero(one.any(axis=(1, 2)))) for one in labels] == [[1, 3], [2]]
        assert labels[0].dtype == strokes.data.dtype and (labels[0][3, 3] == 1).all()


class TestPredictions:
    def test_a_part_of_a_volume_is_sent_whole_and_written_where_it_is(
        self, model, session, fake, answer, stack
    ):
        predictions = Predictions(model, session)
        file = model_file(dimensions=3)
        predictions.start(stack, [(1, 3)], model=file, region=(1, 4, 2, 7))
        (job,) = fake.jobs
        request = job.prepare()
        assert request.region == (3, 4, 1, 4, 2, 7)
        np.testing.assert_array_equal(request.images[0], stack.data[1][None])
        ids = np.full((1, 3, 5), 2, np.uint8)
        answer(job, PlanePredicted(0, ids, None), Predicted(stopped=False))
        expected = np.zeros(SHAPE)
        expected[1, 3, 1:4, 2:7] = 2
        np.testing.assert_array_equal(segmentation_of(model, stack).data, expected)

    def test_all_planes_are_all_volumes(self, model, session, fake, answer, stack):
        predictions = Predictions(model, session)
        progress = []
        predictions.progressed.connect(lambda _task, fraction: progress.append(fraction))
        every = [(t, z) for t in range(2) for z in range(5)]
        predictions.start(stack, every, model=model_file(dimensions=3), probabilities=True)
        (job,) = fake.jobs
        request = job.prepare()
        assert [image.shape for image in request.images] == [(1, 5, 6, 8)] * 2
        for number in range(2):
            ids = np.full(SHAPE[1:], number + 1, np.uint8)
            kept = np.full((2, *SHAPE[1:]), number / 2, np.float32)
            answer(job, PlanePredicted(number, ids, kept))
        found = segmentation_of(model, stack).data
        assert [np.unique(volume).tolist() for volume in found] == [[1], [2]]
        assert model.layers[f"{stack.name} probability of class 2"].data[1].min() == 0.5

    def test_of_other_data_are_dropped(self, model, session, fake, answer, stack):
        predictions = Predictions(model, session)
        predictions.start(stack, [(1, 3)], model=model_file(dimensions=3))
        stack.data = np.zeros((2, 3, 6, 8))
        answer(fake.jobs[0], PlanePredicted(0, np.ones((1, 6, 8), np.uint8), None))
        assert segmentation_of(model, stack) is None

    def test_an_image_without_slices_says_so(self):
        header = header_of(model_file(dimensions=3))
        assert "no slices" in why_not_segment(Image(np.zeros((6, 8))), header)
        assert why_not_segment(Image(np.zeros((5, 6, 8))), header) is None


def desk_of(viewer, session, choice, watch=None):
    return SimpleNamespace(viewer=viewer, session=session, choice=choice, watch=watch)


class TestTraining:
    @pytest.fixture
    def training(self, qapp, model, session, choice, stack):
        strokes = new_annotation(stack, session.classes)
        model.add_layer(strokes)
        choice.annotation = strokes
        strokes.data[1, 2, 3], strokes.data[1, 4, 3] = 1, 2
        watch = PaintWatch(model, choice)
        watch.painted_planes()
        return Training(desk_of(model, session, choice, watch))

    def test_sends_volumes_with_the_voxel_size_of_the_scale(self, training, fake, qtbot):
        panel = AdvancedPanel()
        qtbot.addWidget(panel)
        panel.dimensions = 3
        training.start(panel.settings(10))
        request = fake.jobs[0].prepare()
        assert request.settings.dimensions == 3
        assert request.settings.voxel_size == (2.0, 0.5, 0.5)
        assert [image.shape for image in request.images] == [(1, 5, 6, 8)]
        assert (request.pixel_size, request.pixel_unit) == (None, "micrometer")

    def test_of_planes_is_as_before(self, training, fake, qtbot):
        panel = AdvancedPanel()
        qtbot.addWidget(panel)
        training.start(panel.settings(10))
        request = fake.jobs[0].prepare()
        assert request.settings.voxel_size is None
        assert len(request.images) == 2
        assert request.pixel_size == (0.5, 0.5)


class TestChoosing:
    @pytest.fixture
    def panel(self, qtbot, model, session, choice):
        widget = AdvancedPanel()
        qtbot.addWidget(widget)
        Dimensions(desk_of(model, session, choice), widget, widget)
        return widget

    def test_volumes_are_offered_where_there_are_slices(self, panel, choice, model):
        panel.dimensions = 3
        assert panel.settings(10).dimensions == 3
        choose_axes(choice.image, "TCYX")
        assert panel.dimensions == 2
        choose_axes(choice.image, "TZYX")
        assert panel.dimensions == 3
        choice.image = model.add_image(np.zeros((6, 8)))
        assert panel.dimensions == 2
        assert "need an image with slices" in panel._widgets["dimensions"].tooltip

    def test_the_choice_follows_a_model_of_another_kind(self, panel, session, tmp_path):
        for dimensions in (2, 3):
            (tmp_path / f"{dimensions}.unet").write_bytes(model_file(dimensions=dimensions))
        session.load_model(tmp_path / "3.unet")
        assert panel.dimensions == 3
        panel.dimensions = 2
        session.load_model(tmp_path / "3.unet")  # of the same kind: what was chosen since stays
        assert panel.dimensions == 2
        panel.dimensions = 3
        session.load_model(tmp_path / "2.unet")
        assert panel.dimensions == 2

    def test_live_says_that_it_learns_from_planes(self, panel, model, session, choice, said):
        panel.dimensions = 3
        watch = PaintWatch(model, choice, panel)
        LiveLoop(desk_of(model, session, choice, watch), panel.settings, panel).switch(True)
        assert said == ["Live learns from planes, one by one; volumes are learnt with Train."]
