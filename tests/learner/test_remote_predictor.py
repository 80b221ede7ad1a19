"""Planes that are predicted in the learner's process, from any thread of the window's."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time

import dask.array as da
import numpy as np
import pytest

import napari_unet as nu
from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_items
from napari_unet.core.batch.run import ItemEnded, run_batch
from napari_unet.core.events import Notice
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.errors import DeviceUnavailable, InvalidInput, Stopped
from napari_unet.learner.messages import Failed, PieceRequest, Predicted, UnknownModel
from napari_unet.learner.remote_predictor import RemotePredictor
from napari_unet.session.session import Session
from scenes import random_model, small_network, volume_network

MODEL = random_model(small_network())
DATA = MODEL.to_bytes()


class Scripted:
    """Answers each request by a function, in a thread of its own, as the learner does."""

    def __init__(self, answer):
        self.requests: list[PieceRequest] = []
        self.dropped: list[int] = []
        self._answer = answer
        self._numbers = itertools.count(1)

    def ask(self, prepare, answer):
        job = next(self._numbers)
        request = prepare(job)
        self.requests.append(request)
        contents = self._answer(request, len(self.requests))
        threading.Thread(target=lambda: [answer(content) for content in contents]).start()
        return job

    def drop(self, job):
        self.dropped.append(job)


def even(request, number=1):
    """Answer every class with the same probability."""
    sides = request.region.sides
    return [TileProbabilities(request.region, np.full((2, *sides), 0.5, np.float32), 1.0), DONE]


DONE = Predicted(stopped=False)


def predictor(learner, **options):
    return RemotePredictor(learner, MODEL.header, DATA, **options)


def plane(height=300, width=2500):
    return np.random.default_rng(0).random((1, height, width))


def ended_of(events):
    return [event for event in events if isinstance(event, ItemEnded)]


class TestScripted:
    def test_a_plane_is_asked_for_in_pieces_and_the_model_is_sent_once(self):
        learner = Scripted(even)
        parts = list(predictor(learner)(plane(), 512))
        assert [isinstance(request.model, bytes) for request in learner.requests] == [
            True,
            *[False] * (len(learner.requests) - 1),
        ]
        covered = np.zeros((300, 2500), int)
        for part in parts:
            covered[part.tile.slices] += 1
        assert (covered == 1).all()
        fractions = [part.fraction for part in parts]
        assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
        assert max(request.piece.pixels.size for request in learner.requests) < 300 * 2500
        assert learner.dropped == []

    def test_a_process_that_does_not_know_the_model_is_sent_it_again(self):
        def forgetful(request, number):
            known = isinstance(request.model, bytes)
            return even(request) if known and number > 1 else [UnknownModel()]

        learner = Scripted(forgetful)
        parts = list(predictor(learner)(plane(), 512))
        assert parts[-1].fraction == pytest.approx(1)

    def test_a_failure_is_the_images_own(self):
        learner = Scripted(lambda request, number: [Failed("no memory left.")])
        ask = predictor(learner)
        with pytest.raises(DeviceUnavailable, match=r"^no memory left\.$"):
            list(ask(plane(), 512))
        assert learner.dropped == [1, 2]

    def test_a_notice_is_said_once(self):
        learner = Scripted(lambda request, number: [Notice("halved."), *even(request)])
        ask = predictor(learner)
        said = [part for part in ask(plane(), 512) if isinstance(part, Notice)]
        assert said == [Notice("halved.")]

    def test_stop_lets_go_of_a_learner_that_never_answers(self):
        learner = Scripted(lambda request, number: [])
        ask = predictor(learner)
        threading.Timer(0.2, ask.stop).start()
        start = time.monotonic()
        with pytest.raises(Stopped):
            list(ask(plane(), 512))
        assert time.monotonic() - start < 5
        assert learner.dropped == [1, 2]
        with pytest.raises(Stopped):
            list(ask(plane(), 512))

    def test_what_the_check_raises_ends_it(self):
        def check():
            raise InvalidInput("the layer was removed.")

        with pytest.raises(InvalidInput, match="removed"):
            list(predictor(Scripted(even), check=check)(plane(), None))


class Through:
    """A session's way to a real learner, without its signals."""

    def __init__(self, talk, first):
        self._session = Session(talk.learner)
        self._session._numbers = itertools.count(first)
        self.ask, self.drop = self._session.ask, self._session.drop


class TestRealProcess:
    @pytest.fixture
    def session(self, real):
        return Through(real, first=int(time.monotonic_ns() % 2**40))

    def run(self, session, sources, folder, **options):
        ask = predictor(session, device="cpu")
        candidates = [
            Candidate(f"layer {number}", folder / f"{number}", lambda s=s: s)
            for number, s in enumerate(sources)
        ]
        plan = plan_items(candidates, ask, folder, BatchOptions(**options))
        events = run_batch(ask, plan, predictor=ask, stop=lambda: ask.stopped)
        return ended_of(events)

    def test_files_are_those_of_a_run_in_one_process(self, session, tmp_path, rng):
        data = rng.integers(0, 255, (3, 70, 90)).astype(np.uint8)
        source = ImageSource.from_array(data, "ZYX", pixel_size={"Y": 0.5, "X": 0.5})
        lazy = ImageSource.from_array(da.from_array(data[0], chunks=32), "YX")
        save = ("labels", "probabilities")
        ended = self.run(session, [source, lazy], tmp_path, save=save, tile=32)
        assert [e.status for e in ended] == ["done", "done"]
        expected = nu.predict(MODEL, data, device="cpu")
        np.testing.assert_array_equal(read_labels(tmp_path / "0_labels.tif"), expected)
        np.testing.assert_array_equal(read_labels(tmp_path / "1_labels.tif"), expected[0])

    def test_volumes_too(self, session, tmp_path, rng):
        model = random_model(volume_network((2.0, 1.0, 1.0)))
        ask = RemotePredictor(session, model.header, model.to_bytes(), device="cpu")
        data = rng.random((6, 40, 50))
        source = ImageSource.from_array(data, "ZYX")
        candidate = Candidate("volume", tmp_path / "volume", lambda: source)
        plan = plan_items([candidate], ask, tmp_path, BatchOptions(tile=16))
        assert [e.status for e in ended_of(run_batch(ask, plan, predictor=ask))] == ["done"]
        expected = nu.predict(model, data, device="cpu")
        np.testing.assert_array_equal(read_labels(tmp_path / "volume_labels.tif"), expected)

    @pytest.mark.skipif(os.name == "nt", reason="needs signals")
    @pytest.mark.fault("killed process")
    def test_a_process_that_is_killed_costs_one_image(self, session, real, tmp_path, rng):
        data = rng.random((60, 70))
        killed = []

        def kill():
            if not killed:
                killed.append(real.learner.pid)
                os.kill(killed[0], signal.SIGKILL)

        class Deadly:
            shape, dtype = data.shape, data.dtype

            def __getitem__(self, index):
                kill()
                time.sleep(0.3)  # until it is known
                return data[index]

        sources = [ImageSource.from_array(x, "YX") for x in (data, Deadly(), data)]
        ended = self.run(session, sources, tmp_path)
        assert [e.status for e in ended][::2] == ["done", "done"]
        assert killed
        assert len(os.listdir(tmp_path)) == sum(e.status == "done" for e in ended)
