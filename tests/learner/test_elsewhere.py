"""Learners behind commands of all kinds: what is passed on, what is refused, what breaks."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks.common import relay
from talk import Talk

from napari_unet.core.events import Notice
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner import upkeep
from napari_unet.learner.computer import HERE, Computer
from napari_unet.learner.greeting import VERSION
from napari_unet.learner.messages import (
    Failed,
    Improved,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Ready,
    Trained,
    TrainRequest,
)
from scenes import discs, random_model, small_network

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are a shell's")

SCRIPT = Path(__file__).with_name("scripted_process.py")
SCENE = discs(0)
DATA = random_model(small_network()).to_bytes()
LARGE = np.random.default_rng(0).random((1, 400, 500), np.float32)
LAST = (Trained, Predicted, Failed)
_OTHER_VERSION = """
import sys, time
from napari_unet.learner import greeting
greeting.VERSION = "9.9"
greeting.greet(sys.stdout.buffer)
time.sleep(60)
"""


@pytest.fixture
def talk(tmp_path):
    """Start a learner behind a command of the shell, in which {answer} is a scripted process."""
    talks: list[Talk] = []

    def start(command: str, *behaviours: str) -> Talk:
        words = [sys.executable, SCRIPT, tmp_path / "starts", *(behaviours or ("answer",))]
        answer = shlex.join(map(str, words))
        words = ["sh", "-c", command.replace("{answer}", answer)]
        talks.append(Talk(Computer(command=shlex.join(words))))
        return talks[-1]

    yield start
    for each in talks:
        each.close()


def train(talk, job: int = 1, **settings) -> None:
    request = TrainRequest(
        job=job,
        images=(SCENE.image[None],),
        labels=(SCENE.strokes,),
        newest=(),
        settings=TrainSettings(device="cpu", **(settings or {"steps": 100_000})),
        classes=describe_classes((1, 2), "scribbles"),
        model=DATA,
    )
    talk.learner.submit(job, lambda: request, training=True)


def predict(talk, job: int, image=SCENE.image[None]) -> None:
    request = PredictRequest(job=job, images=(image,), model=DATA, device="cpu")
    talk.learner.submit(job, lambda: request, training=False)


class TestCommand:
    def test_may_greet_first(self, talk):
        """As login shells and containers do."""
        it = talk("echo 'Welcome to gpu1!'; echo 'Last login: now' >&2; printf '> '; {answer}")
        predict(it, 1)
        assert it.until(1, *LAST) == [Predicted(stopped=False)]

    def test_that_is_not_there_is_told_with_the_line_that_installs_it(self, talk):
        it = talk("napari-unet-nowhere learner")
        it.learner.warm_up()
        (failed,) = it.until(0, Failed)
        assert f"pip install napari-unet-live=={VERSION}" in failed.text
        train(it)
        assert "is not found there" in it.until(1, *LAST)[-1].text

    def test_of_another_version_is_told(self, talk):
        it = talk(shlex.join([sys.executable, "-c", _OTHER_VERSION]))
        it.learner.warm_up()
        assert f"it has napari-unet 9.9 and this computer {VERSION}" in it.until(0, Failed)[-1].text

    def test_that_is_no_learner_is_told_and_is_sent_nothing(self, talk, tmp_path):
        listening = f"exec 3>{tmp_path}/heard 4<&0; cat <&4 >&3 &"  # else its input is none
        it = talk(f"{listening} yes 'user name:' | head -c 100000; wait")
        predict(it, 1)
        assert "is no learner but says 'user name:'" in it.until(1, *LAST)[-1].text
        it.close()
        assert (tmp_path / "heard").read_bytes() == b""

    def test_that_is_silent_is_told_and_may_be_stopped(self, talk, monkeypatch):
        monkeypatch.setattr(upkeep, "QUIET_SECONDS", 0.2)
        it = talk("exec sleep 600")
        train(it)
        assert "no learner has answered yet" in it.until(0, Notice)[-1].text
        it.learner.stop(1)
        assert "stopped before there was" in it.until(1, *LAST)[-1].text

    def test_ends_with_all_that_it_started(self, talk, tmp_path):
        it = talk(f"{{answer}}; touch {tmp_path}/went-on", "mute")
        it.learner.warm_up()
        it.until(0, Ready)
        it.close()
        end = time.monotonic() + 20
        while it.learner.pid is not None and time.monotonic() < end:
            time.sleep(0.02)
        assert it.learner.pid is None
        assert not (tmp_path / "went-on").exists()


class TestLine:
    @pytest.mark.fault("line that breaks")
    def test_that_breaks_in_a_training_keeps_its_model_and_is_made_anew(self, talk):
        it = talk("{answer}", "cut", "answer")
        train(it)
        notice, trained = it.until(1, *LAST)[-2:]
        assert "the line to it broke" in notice.text
        assert "Broken pipe" in notice.text
        assert (trained.reason, trained.model) == ("lost", b"best")
        train(it, 2)
        assert it.until(2, *LAST)[-1].reason == "budget"

    def test_changes_to_another_place_and_predictions_with_it(self, talk):
        it = talk("{answer}", "hang", "answer")
        predict(it, 1)
        it.until(0, Ready)
        computer = it.learner._computer
        it.learner.use(Computer(command=computer.command + " # again"))
        assert it.until(1, *LAST) == [Predicted(stopped=False)]

    def test_with_a_delay_carries_what_one_here_does_and_each_plane_once(self, tmp_path):
        counts = tmp_path / "counts"
        words = [sys.executable, relay.__file__, "20", str(counts), *HERE.argv]
        it = Talk(Computer(command=shlex.join(words)))
        predict(it, 1, LARGE)
        classes = [c.classes for c in it.until(1, *LAST) if isinstance(c, PlanePredicted)]
        first = sent(counts)
        predict(it, 2, LARGE.copy())
        classes += [c.classes for c in it.until(2, *LAST) if isinstance(c, PlanePredicted)]
        np.testing.assert_array_equal(*classes)
        assert first > LARGE.nbytes
        assert sent(counts) - first < 5000
        train(it, 3, steps=5)
        improved, trained = it.until(3, *LAST)[-2:]
        assert (type(improved), type(trained)) == (Improved, Trained)
        it.close()


def sent(counts: Path) -> int:
    """Return how many bytes went to the learner, once all of them are counted."""
    time.sleep(0.2)
    return int(counts.read_text().split()[0])
