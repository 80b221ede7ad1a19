"""A live job: the loop with a trainer of a test's own, then the real process."""

from __future__ import annotations

import io
import os
import queue
import signal
import threading
import time

import numpy as np
import pytest

from fakes import GreyTrainer
from napari_unet.core.events import Corrective, LiveScore, Notice, Settled, Shown
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import cut
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.model import Model
from napari_unet.learner import frames
from napari_unet.learner.child import live_job, loop
from napari_unet.learner.child.turns import Pace
from napari_unet.learner.messages import (
    Failed,
    Improved,
    LiveClasses,
    LivePlane,
    LiveRequest,
    LiveStrokes,
    LiveTile,
    LiveView,
    Predicted,
    PredictRequest,
    Reply,
    StopRequest,
    Trained,
    Waiting,
)
from scenes import discs, random_model, small_network

JOB = 1
START = LiveRequest(JOB, describe_classes((1, 2), "scribbles"), "cpu")
STOP = StopRequest(JOB)
LAST = (Trained, Failed)


def picture(size: int = 40, dark: int = 0) -> np.ndarray:
    """(1, size, size): the left half dark, the right half 100."""
    image = np.full((1, size, size), 100, np.uint8)
    image[:, :, : size // 2] = dark
    return image


def stroke(class_id: int, column: int, key: str = "a") -> LiveStrokes:
    """Four pixels of a class, one below the other, from row 5 on."""
    return LiveStrokes(JOB, key, (5, 9, column, column + 1), np.full((4, 1), class_id, np.uint8))


def view(generation: int = 1, key: str = "a", region=None, image=None) -> LiveView:
    return LiveView(JOB, generation, key, region, image)


PAINTED = [LivePlane(JOB, "a", picture()), stroke(1, 2), stroke(2, 30)]


class NoMore(Exception):
    """Nothing is left to do."""


class Inbox:
    """What is in it when nothing is left to do, batch by batch; or after so many looks."""

    def __init__(self, batches, looks) -> None:
        self._batches = [list(batch) for batch in batches]
        self._looks = looks

    def get(self, block):
        if self._batches and self._batches[0]:
            return self._batches[0].pop(0)
        self._looks -= 1
        if block or self._looks == 0:
            if len(self._batches) < 2:
                raise NoMore
            self._batches.pop(0)
            return self.get(block)
        raise queue.Empty


def run(*batches, looks: int = -1) -> list[Reply]:
    """Give a loop batches of requests, each when all before is done; return its replies."""
    stream = io.BytesIO()
    with pytest.raises(NoMore):
        loop.Loop(Inbox(batches, looks), stream).run()
    stream.seek(0)
    replies = []
    while stream.tell() < len(stream.getvalue()):
        replies.append(frames.receive(stream))
    return replies


def contents(replies, *kinds) -> list:
    said = [reply.content for reply in replies]
    return [content for content in said if isinstance(content, kinds)] if kinds else said


@pytest.fixture
def trainers(monkeypatch) -> list[GreyTrainer]:
    """The trainers that jobs made."""
    made: list[GreyTrainer] = []

    def make(*args, **options):
        made.append(GreyTrainer(*args, **options))
        return made[-1]

    monkeypatch.setattr(live_job, "LiveTrainer", make)
    return made


class TestLoop:
    def test_learns_from_strokes_and_predicts_the_view(self, trainers):
        replies = run([START, *PAINTED, view()])
        (tile, *_) = contents(replies, LiveTile)
        assert (tile.generation, tile.version, tile.key) == (1, 1, "a")
        assert tile.box == (0, 40, 0, 40)
        assert tile.classes.dtype == np.uint8
        assert (tile.classes[:, :20] == 1).all()
        assert (tile.classes[:, 20:] == 2).all()
        assert (trainers[0].labels[0] > 0).sum() == 8

    def test_says_what_is_missing_until_nothing_is(self, trainers):
        replies = run([START], [PAINTED[0], stroke(1, 2)], [stroke(2, 30)])
        texts = [content.text for content in contents(replies, Waiting)]
        assert texts == ["paint a second class.", ""]

    def test_rests_when_it_is_settled_and_goes_on_with_new_strokes(self, trainers):
        first = run([START, *PAINTED, view()])
        both = run([START, *PAINTED, view()], [stroke(2, 5)])
        assert [type(content) for content in contents(first)][-1] is not None
        assert len(contents(first, Settled)) == 1
        assert len(contents(both, Settled)) == 2
        (corrective,) = contents(both, Corrective)
        assert (corrective.class_id, corrective.score) == (2, 0.0)
        assert contents(both, LiveTile)[-1].version == trainers[-1].version

    def test_a_stroke_is_learnt_before_the_view_is_predicted_again(self, trainers):
        replies = run([START, *PAINTED, view()], [stroke(2, 5)])
        said = contents(replies)
        after = said[said.index(contents(replies, Corrective)[0]) :]
        kinds = [type(content) for content in after if not isinstance(content, Improved)]
        assert kinds[:3] == [Corrective, Shown, LiveTile]

    def test_somebody_who_never_stops_painting_sees_what_it_taught(self, trainers, monkeypatch):
        """A stroke comes with each look into the inbox."""
        taken, plain = [], live_job.LiveJob._take_all

        def busy(job):
            if len(taken) < 40:
                taken.append(1)
                job.take(stroke(2, 20 + len(taken) % 20))
            return plain(job)

        monkeypatch.setattr(live_job.LiveJob, "_take_all", busy)
        tiles = contents(run([START, *PAINTED, view()]), LiveTile)
        assert len(tiles) >= 20
        assert [tile.version for tile in tiles] == sorted({tile.version for tile in tiles})

    def test_the_view_comes_before_the_rest_and_before_further_training(self, trainers):
        image = picture(1024)
        region = (600, 900, 600, 900)
        replies = run([START, LivePlane(JOB, "a", image), *PAINTED[1:], view(region=region)])
        first, *others = contents(replies, LiveTile)
        assert (first.box[0], first.box[2]) == (592, 592)
        assert first.box[1] >= 900
        said = [type(content) for content in contents(replies, LiveTile, LiveScore)]
        assert said[:2] == [LiveTile, LiveScore]
        seen = np.zeros(image.shape[1:], int)
        for tile in (first, *others):
            seen[tile.box[0] : tile.box[1], tile.box[2] : tile.box[3]] = tile.version
        assert (seen == trainers[0].version).all()

    def test_a_newer_view_drops_what_is_left_of_the_older_one(self, trainers):
        big = picture(2048)
        looks = [view(1, "b", None, big), view(2, "a")]
        replies = run([START, *PAINTED], looks)
        assert {tile.generation for tile in contents(replies, LiveTile)} == {2}

    def test_a_view_that_moves_gets_only_what_is_new(self, trainers):
        start = [START, *PAINTED, view(region=(0, 16, 0, 16))]
        replies = run(start, [view(region=(0, 40, 0, 40))])
        before = contents(run(start), LiveTile)
        assert len(contents(replies, LiveTile)) == len(before)  # the rest was predicted already

    def test_a_plane_without_strokes_is_predicted_and_not_learnt_from(self, trainers):
        other = picture(24, dark=10)
        replies = run([START, *PAINTED, view()], [view(2, "b", None, other)])
        tile = contents(replies, LiveTile)[-1]
        assert (tile.key, tile.box) == ("b", (0, 24, 0, 24))
        assert len(trainers[0].images) == 1

    def test_a_plane_of_other_channels_is_told_once_and_the_loop_goes_on(self, trainers):
        other = np.concatenate([picture(24)] * 2)
        replies = run([START, *PAINTED, view()], [view(2, "b", None, other)], [view(3, "a")])
        (notice,) = contents(replies, Notice)
        assert "1 channel and the image in view has 2" in notice.text
        assert contents(replies, LiveTile)[-1].generation == 3

    def test_images_of_another_size_join(self, trainers):
        joined = [LivePlane(JOB, "b", picture(24)), stroke(2, 20, "b")]
        run([START, *PAINTED, view()], joined)
        assert [labels.shape for labels in trainers[0].labels] == [(40, 40), (24, 24)]

    def test_better_models_are_sent_and_the_last_one_at_the_end(self, trainers):
        replies = run([START, *PAINTED, view()], [STOP])
        models = contents(replies, Improved)
        assert len(models) >= 1
        last = contents(replies)[-1]
        assert (type(last), last.reason, last.score) == (Trained, "stopped", 0.8)
        assert last.step == 2

    def test_nothing_is_shown_before_its_model_is_sent(self, trainers):
        """Whoever stops a busy process may have to kill it: what was seen must not be lost."""
        said = contents(run([START, *PAINTED, view()]), Improved, LiveTile)
        assert [type(content) for content in said][:2] == [Improved, LiveTile]

    def test_models_are_sent_to_somebody_who_never_stops_painting(self, trainers, monkeypatch):
        monkeypatch.setattr(live_job, "Pace", lambda _clock, _least: Pace(lambda: 0.0))
        strokes = [[stroke(2, 21 + number)] for number in range(8)]
        said = contents(run([START, *PAINTED, view()], *strokes), Improved, LiveTile)
        kinds = [type(content) for content in said]
        shown = [number for number, kind in enumerate(kinds) if kind is LiveTile]
        assert len(shown) > len(strokes)
        assert all(kinds[number - 1] is Improved for number in shown)

    def test_strokes_that_are_erased_leave_the_model(self, trainers):
        erase = LiveStrokes(JOB, "a", (0, 40, 0, 40), np.zeros((40, 40), np.uint8))
        replies = run([START, *PAINTED, view()], [erase], [STOP])
        assert contents(replies, Waiting)[-1].text == "paint a second class."
        assert isinstance(contents(replies)[-1], Trained)

    def test_goes_on_when_there_are_strokes_again(self, trainers):
        erase = LiveStrokes(JOB, "a", (0, 40, 0, 40), np.zeros((40, 40), np.uint8))
        replies = run([START, *PAINTED, view()], [erase], [stroke(1, 2), stroke(2, 31)])
        assert contents(replies, Waiting)[-1].text == ""
        assert contents(replies, LiveTile)[-1].version == trainers[0].version

    def test_without_strokes_ends_without_a_model(self, trainers):
        (waiting, last) = contents(run([START], [STOP]))
        assert isinstance(waiting, Waiting)
        assert isinstance(last, Failed)

    def test_classes_are_passed_on(self, trainers):
        classes = describe_classes((1, 2, 3), "scribbles")
        run([START, LiveClasses(JOB, classes)])
        assert trainers[0].classes == classes

    @pytest.mark.parametrize(
        "message",
        [
            LivePlane(JOB, "b", np.full((1, 20, 20), 1e300)),
            LiveView(JOB, 2, "b", None, np.full((1, 20, 20), 1e300)),
        ],
    )
    def test_a_plane_that_is_no_image_is_told_once_and_the_loop_goes_on(self, trainers, message):
        later = [stroke(1, 3, "b"), view(2, "b"), view(3, "a"), stroke(2, 33)]
        replies = run([START, *PAINTED, view()], [message, *later])
        (notice,) = contents(replies, Notice)
        assert "float32" in notice.text
        assert contents(replies, LiveTile)[-1].generation == 3
        assert contents(replies, LiveTile)[-1].version == trainers[0].version

    def test_predictions_are_made_beside_it(self, trainers):
        model = random_model(small_network()).to_bytes()
        request = PredictRequest(2, (discs(0).image[None],), model, "cpu")
        replies = run([START, *PAINTED, view(), request])
        assert [type(r.content) for r in replies if r.job == 2][-1] is Predicted

    def test_messages_for_a_job_that_has_ended_are_ignored(self, trainers):
        assert len(contents(run([START, *PAINTED], [STOP], [*PAINTED, view()]), *LAST)) == 1


class TestParts:
    """Of a large plane: strokes on parts of it, and a part that is in view; the real trainer."""

    def test_are_learnt_from_and_nothing_but_the_view_is_predicted(self):
        scene = discs(0)
        rng = np.random.default_rng(0)
        plane = rng.normal(size=(1, 1200, 1000)).astype(np.float32)
        plane[0, 600:664, 200:264] = scene.image
        strokes, around = Tile((568, 696), (168, 296)), Tile((0, 1200), (0, 800))
        labels = np.pad(scene.strokes, 32)
        region = (600, 664, 200, 264)
        replies = run(
            [
                START,
                LivePlane(JOB, "a.cell", cut(plane, strokes)),
                LiveStrokes(JOB, "a.cell", (0, 128, 0, 128), labels),
                view(region=region, image=cut(plane, around)),
            ],
            looks=12,
        )
        tiles = contents(replies, LiveTile)
        assert tiles
        found = np.zeros((64, 64), np.uint8)
        for tile in tiles:
            assert tile.box[0] >= 592 and tile.box[1] <= 672
            assert tile.box[2] >= 192 and tile.box[3] <= 272
            rows, columns = slice(tile.box[0], tile.box[1]), slice(tile.box[2], tile.box[3])
            whole = np.zeros(plane.shape[1:], np.uint8)
            whole[rows, columns] = tile.classes
            found = np.where(whole[600:664, 200:264] > 0, whole[600:664, 200:264], found)
        assert (found == scene.truth).mean() > 0.7
        assert not contents(replies, Notice)


class TestImages:
    """Two images with strokes of their own, one looked at after the other; the real trainer."""

    def test_each_is_predicted_at_once_whenever_it_is_looked_at(self):
        """The strokes of the second, forty dots, all come with it."""
        one, other = discs(0), discs(1)
        dots = np.zeros_like(other.truth)
        dots[::8, 4::10] = other.truth[::8, 4::10]
        both = [
            LivePlane(JOB, "b", other.image[None]),
            LiveStrokes(JOB, "b", (0, 64, 0, 64), dots),
            view(2, "b", None, other.image[None]),
        ]
        painted = [
            LivePlane(JOB, "a", one.image[None]),
            LiveStrokes(JOB, "a", (0, 64, 0, 64), one.strokes),
        ]
        job = live_job.LiveJob(START, threading.Event())
        said = job.contents()

        def after(messages, *, pieces) -> list:
            for message in messages:
                job.take(message)
            return [content for _ in range(pieces) if (content := next(said)) is not None]

        (first, *_) = [
            content
            for content in after([*painted, view()], pieces=20)
            if isinstance(content, LiveTile)
        ]
        at_once = after(both, pieces=1)
        learnt = after([], pieces=20)
        again = after([view(3, "a")], pieces=1)
        job.stopping.set()
        assert isinstance([*said][-1], Trained)

        assert first.key == "a"
        assert [(type(content), content.key) for content in at_once] == [(LiveTile, "b")]
        kinds = [type(content) for content in learnt]
        assert 0 < kinds.count(Corrective) <= 5
        assert LiveTile in kinds[kinds.index(Shown) :]
        newest = max(content.version for content in learnt if isinstance(content, LiveTile))
        assert [(type(content), content.key) for content in again] == [(LiveTile, "a")]
        assert again[0].version >= newest > at_once[0].version


class TestRealProcess:
    """All of these share one process, which each has to leave in good order."""

    def start(self, talk, job):
        scene = discs(0)

        def messages():
            top = scene.strokes.copy()
            top[40:] = 0
            return [
                LivePlane(job, "a", scene.image[None]),
                LiveView(job, 1, "a", None, None),
                LiveStrokes(job, "a", (0, 64, 0, 64), top),
            ]

        request = LiveRequest(job, describe_classes((1, 2), "scribbles"), "cpu")
        talk.learner.submit(job, lambda: request, training=True)
        talk.learner.add(job, "all", messages)

    def test_predicts_learns_scores_a_correction_and_stops_with_a_model(self, real):
        self.start(real, 1)
        tile = real.until(1, LiveTile)[-1]
        assert tile.classes.shape == (tile.box[1] - tile.box[0], tile.box[3] - tile.box[2])
        assert set(np.unique(tile.classes)) <= {1, 2}
        strokes = discs(0).strokes[40:]
        real.learner.add(1, "strokes", lambda: [LiveStrokes(1, "a", (40, 64, 0, 64), strokes)])
        corrective = real.until(1, Corrective)[-1]
        assert 0 <= corrective.score <= 1
        newer = real.until(1, LiveTile)[-1]
        assert newer.version > tile.version
        start = time.monotonic()
        real.learner.stop(1)
        last = real.until(1, *LAST)[-1]
        assert time.monotonic() - start < 2  # half a second, where nothing else runs
        assert (type(last), last.reason) == (Trained, "stopped")
        assert Model.from_bytes(last.model).class_ids.tolist() == [1, 2]

    @pytest.mark.fault("killed process")
    def test_that_is_killed_keeps_its_best_model_and_the_next_one_runs(self, real):
        self.start(real, 2)
        seen = real.until(2, LiveTile)  # the first that is shown
        best = next(content for content in seen if isinstance(content, Improved))
        os.kill(real.learner.pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        said = real.until(2, *LAST)
        assert "ended unexpectedly" in next(c.text for c in said if isinstance(c, Notice))
        assert (said[-1].reason, type(said[-1].model)) == ("lost", type(best.model))
        self.start(real, 3)
        real.until(3, LiveTile)
        real.learner.stop(3)
        assert real.until(3, *LAST)[-1].reason == "stopped"

    def test_a_layer_that_cannot_be_read_is_a_notice_and_the_job_goes_on(self, real):
        self.start(real, 4)

        def broken():
            raise KeyError("chunk 7")

        real.learner.add(4, "strokes", broken)
        assert "chunk 7" in real.until(4, Notice)[-1].text
        real.until(4, LiveTile)
        real.learner.stop(4)
        real.until(4, *LAST)
