"""Of planes above 4096 x 4096 pixels a session sends parts; the limit is lower here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeLearner, model_file
from napari_unet.core.images import cutout
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout, Measured, cut
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.resampling import Resampled
from napari_unet.core.models.header import header_of
from napari_unet.core.prediction.context import surroundings
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import LivePlane, LiveStrokes, LiveView
from napari_unet.session.sending import SeenStrokes, for_view, suffices
from napari_unet.session.session import Session
from napari_unet.session.state import PaintedPlanes

SIZE = 4000


@pytest.fixture(autouse=True)
def _low_limit(monkeypatch):
    monkeypatch.setattr(cutout, "MOST_WHOLE", 2000 * 2000)


@pytest.fixture
def learner() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def session(learner) -> Session:
    return Session(learner)


@pytest.fixture(scope="module")
def plane():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (SIZE, SIZE)).astype(np.uint8)
    return Measured(ImageSource.from_array(image, "YX").plane())


def small_plane():
    return ImageSource.from_array(np.arange(48.0).reshape(6, 8), "YX").plane()


def strokes(*points: tuple[int, int, int], size: int = 64) -> np.ndarray:
    labels = np.zeros((size, size), np.uint8)
    for row, column, class_id in points:
        labels[row, column] = class_id
    return labels


class TestPrediction:
    @pytest.mark.parametrize("factors", [(0.5, 0.4), (2.0, 1.5)])
    def test_of_another_pixel_size_carries_what_it_needs(self, session, learner, plane, factors):
        region = (600, 700, 3900, 4000)
        session.predictions.start(lambda: (plane,), model_file(), region=region, factors=factors)
        request = learner.jobs[-1].prepare()
        (sent,) = request.images
        assert (request.factors, request.region) == (factors, region)
        assert sent.plane_shape == (SIZE, SIZE)
        network = header_of(model_file()).network
        seen = Resampled(sent, factors)
        needed = surroundings(network, seen.over(Tile.of(region)), seen.shape[1:])
        part = seen.read(*(np.arange(*span) for span in needed.ranges))  # none is missing
        whole = Resampled(plane, factors).read(*(np.arange(*span) for span in needed.ranges))
        np.testing.assert_array_equal(part, whole)

    def test_of_a_region_carries_what_it_needs(self, session, learner, plane):
        session.predictions.start(lambda: (plane,), model_file(), region=(600, 700, 600, 700))
        (image,) = learner.jobs[0].prepare().images
        assert isinstance(image, Cutout)
        assert image.shape == (1, SIZE, SIZE)
        assert image.box.rows[0] < 600 - 92 and image.box.rows[1] > 700 + 92
        assert image.pixels.size < 2000 * 2000
        assert image.known == plane.intensities()

    def test_of_all_of_it_is_refused(self, session, learner, plane):
        session.predictions.start(lambda: (plane,), model_file())
        with pytest.raises(InvalidInput, match="zoom in"):
            learner.jobs[0].prepare()

    def test_of_a_usual_plane_carries_it_whole(self, session, learner):
        session.predictions.start(lambda: (small_plane(),), model_file(), region=(0, 2, 0, 2))
        (image,) = learner.jobs[0].prepare().images
        np.testing.assert_array_equal(image[0], np.arange(48.0).reshape(6, 8))


class TestTraining:
    def painted(self, plane, *pieces) -> PaintedPlanes:
        return PaintedPlanes(
            keys=("a",) * len(pieces),
            images=(plane,) * len(pieces),
            labels=tuple(labels for _, labels in pieces),
            boxes=tuple(box for box, _ in pieces),
        )

    def test_carries_the_pieces(self, session, learner, plane):
        first = (0, 64, 0, 64), strokes((1, 1, 1))
        second = (3000, 3064, 640, 704), strokes((5, 5, 2))
        session.train(lambda: self.painted(plane, first, second), TrainSettings(seconds=1))
        request = learner.trainings[0].prepare()
        assert [part.box for part in request.images] == [
            Tile((0, 64), (0, 64)),
            Tile((3000, 3064), (640, 704)),
        ]
        assert [new.sum() for new in request.newest] == [1, 1]

    def test_knows_strokes_again_in_a_piece_that_has_grown(self, plane):
        seen = SeenStrokes()
        seen.newest(self.painted(plane, ((64, 128, 64, 128), strokes((1, 1, 1)))))
        grown = strokes((65, 65, 1), (100, 90, 2), size=128)
        (new,) = seen.newest(self.painted(plane, ((0, 128, 0, 128), grown)))
        assert np.argwhere(new).tolist() == [[100, 90]]
        (again,) = seen.newest(self.painted(plane, ((0, 128, 0, 128), grown)))
        assert not again.any()

    def test_of_usual_planes_is_as_it_was(self, session, learner):
        labels = strokes((0, 0, 1), (5, 5, 2), size=6)
        image = np.zeros((1, 6, 6))
        planes = PaintedPlanes(("a",), (image,), (labels,))
        session.train(lambda: planes, TrainSettings(seconds=1))
        request = learner.trainings[0].prepare()
        assert request.images[0] is image
        assert request.newest[0].sum() == 2


class TestLive:
    def test_a_view_is_cut_out_and_only_again_where_it_leaves_that(self, session, learner, plane):
        session.start_live("cpu", 0)
        sent = []
        for region in (
            (1000, 1300, 1000, 1300),
            (1050, 1350, 1020, 1320),
            (2900, 3200, 1000, 1300),
        ):
            session.live.look_at("a", lambda: plane, region)
            (message,) = learner.told(session.live.job)
            assert isinstance(message, LiveView)
            sent.append(message)
        first, moved, elsewhere = sent
        assert isinstance(first.image, Cutout)
        assert moved.image is None
        assert isinstance(elsewhere.image, Cutout)
        assert {message.generation for message in sent} == {1}

    def test_too_wide_a_view_is_refused(self, plane):
        with pytest.raises(InvalidInput, match="zoom in"):
            for_view(plane, None)

    def test_a_cell_is_told_of_as_a_plane_of_its_own(self, session, learner, plane):
        session.start_live("cpu", 0)
        part = cut(plane, Tile((512, 576), (512, 576)))
        session.live.paint("a[512]", lambda: part, lambda: strokes((1, 2, 1)))
        told = learner.told(session.live.job)
        assert [type(message) for message in told] == [LivePlane, LiveStrokes]
        assert told[0].image is part
        assert told[1].box == (1, 2, 2, 3)


@given(st.data())
def test_what_is_cut_out_for_a_view_suffices_for_it(data):
    size = data.draw(st.tuples(st.integers(2001, 3000), st.integers(2001, 3000)))
    image = np.broadcast_to(np.uint8(1), size)
    plane = ImageSource.from_array(image, "YX").plane()
    spans = []
    for n in size:
        start = data.draw(st.integers(0, n - 1))
        spans += [start, data.draw(st.integers(start + 1, min(n, start + 1900)))]
    region = tuple(spans)
    part = for_view(Measured(plane), region)
    assert isinstance(part, Cutout)
    assert suffices(part, region)
