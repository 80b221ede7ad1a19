"""Planes and models cross the line once, and what is kept of them is bounded."""

from __future__ import annotations

import io

import numpy as np
import pytest

from napari_unet.learner import frames
from napari_unet.learner.shelf import LARGE, LearnersShelf, WindowsLedger


class Ends:
    """A window and a learner, and a line on which nothing is under way."""

    def __init__(self, most: int) -> None:
        self.ledger, self.shelf = WindowsLedger(most), LearnersShelf()
        self.bytes = 0

    def ask(self, message, **options):
        return self._cross(message, self.ledger, self.shelf, **options)

    def answer(self, message, **options):
        return self._cross(message, self.shelf, self.ledger, keep=False, **options)

    def _cross(self, message, sender, receiver, **options):
        stream = io.BytesIO()
        frames.send(stream, message, sender, **options)
        self.bytes = stream.tell()
        stream.seek(0)
        return frames.receive(stream, receiver)

    @property
    def kept(self) -> int:
        return sum(len(part) for part, _ in self.shelf._parts.values())


@pytest.fixture
def ends() -> Ends:
    return Ends(most=10 * LARGE)


def noise(rng, size=LARGE) -> bytes:
    return rng.bytes(size)


def test_a_plane_is_sent_once(ends, rng):
    plane = rng.integers(0, 255, (2, 200, 300)).astype(np.uint8)
    np.testing.assert_array_equal(ends.ask(plane), plane)
    assert ends.bytes > plane.nbytes
    again = ends.ask({"images": (plane.copy(),)})["images"][0]
    np.testing.assert_array_equal(again, plane)
    assert ends.bytes < 500
    again[:] = 0  # may be written: the next one is whole
    np.testing.assert_array_equal(ends.ask(plane), plane)
    plane[0, 0, 0] += 1
    np.testing.assert_array_equal(ends.ask(plane), plane)
    assert ends.bytes > plane.nbytes


def test_a_model_of_the_learner_is_not_sent_back(ends, rng):
    model = noise(rng)
    assert ends.answer(("improved", model)) == ("improved", model)
    first, second = ends.ask((model, bytes(bytearray(model))))
    assert ends.bytes < 500
    assert first == model
    assert first is second is ends.ask(model)  # so that it is opened once
    assert ends.answer(model) == model  # the window keeps none
    assert ends.bytes > LARGE


def test_what_comes_once_is_not_kept(ends, rng):
    piece, model = np.frombuffer(noise(rng), np.uint8), noise(rng)
    ends.ask((piece, model), keep=False)
    assert ends.kept == len(model)


def test_what_is_kept_is_bounded_and_what_is_used_stays(ends, rng):
    model = noise(rng)
    for _ in range(30):
        assert ends.ask((model, noise(rng))) is not None
        assert ends.kept <= 12 * LARGE
    ends.ask(model)
    assert ends.bytes < 500
    whole = noise(rng, 20 * LARGE)
    assert ends.ask(whole) == whole  # more than may be kept
    assert ends.ask(b"") == b""
    assert ends.kept == 0
    assert ends.ask(whole) == whole


def test_models_of_a_learner_that_is_asked_nothing_are_dropped_when_it_is_told(ends, rng):
    for _ in range(30):
        ends.answer(noise(rng))
        if ends.ledger.is_behind:
            ends.ask(None)
        assert not ends.ledger.is_behind
        assert ends.kept <= 11 * LARGE


def test_a_model_that_is_dropped_while_it_comes_again_stays_known(ends, rng):
    model = noise(rng)
    for thing in (model, *(noise(rng) for _ in range(10))):
        ends.answer(thing)
    assert ends.ledger.is_behind  # of the model, the oldest
    dropped, again = io.BytesIO(), io.BytesIO()
    frames.send(again, model, ends.shelf, keep=False)  # both are under way at the same time
    frames.send(dropped, "forget", ends.ledger)
    for stream in (again, dropped):
        stream.seek(0)
    frames.receive(again, ends.ledger)
    frames.receive(dropped, ends.shelf)
    assert ends.ask(model) == model
    assert ends.bytes < 500


def test_strokes_and_classes_are_packed_for_a_slow_line_and_noise_is_not(ends, rng):
    strokes = np.zeros((700, 800), np.uint8)
    strokes[340:360] = 2
    grey = rng.integers(0, 255, (700, 800)).astype(np.uint8)
    for ask in (ends.ask, ends.answer):
        np.testing.assert_array_equal(ask(strokes, packed=True), strokes)
        assert ends.bytes < strokes.nbytes / 50
        np.testing.assert_array_equal(ask(grey, packed=True), grey)
        assert ends.bytes >= grey.nbytes
