"""Learning while a person paints."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

import scenes
from napari_unet import LiveTrainer, UserError, predict_probabilities
from napari_unet.core.events import Corrective, LiveScore, Settled, Shown, Step
from napari_unet.core.live import fine_tuning
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.training.patch_sampler import PatchSource


def discs(seed: int, channels: int = 1) -> scenes.Scene:
    """The scene of that name, with its truth as (64, 64) bool."""
    scene = scenes.discs(seed, channels)
    return replace(scene, truth=scene.truth == 2)


def counting():
    """A clock that ticks each time somebody looks at it, so that a run makes as many steps."""
    return itertools.count().__next__


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def started(**kwargs) -> LiveTrainer:
    scene = discs(0)
    live = LiveTrainer([scene.image], clock=counting(), **kwargs)
    live.set_labels(0, scene.strokes)
    return live


def until(live: LiveTrainer, kind: type, most: int = 200):
    """Advance until there is an event of that kind; return it and all before it."""
    events = []
    for _ in range(most):
        events += live.advance()
        if any(isinstance(event, kind) for event in events):
            return events
    raise AssertionError(f"no {kind.__name__} in {most} pieces of work")


@pytest.fixture(scope="module")
def trained() -> LiveTrainer:
    live = started()
    live.run(200)
    return live


def test_answers_at_once_with_the_ids_as_painted():
    learned, other = discs(0), discs(1)
    live = LiveTrainer([learned.image + 3 * learned.truth], clock=counting())
    live.set_labels(0, learned.strokes)
    live.run(0)
    found = live.predict(other.image + 3 * other.truth)
    assert found.shape == (64, 64)
    assert set(np.unique(found)) == {1, 2}
    assert iou(found == 2, other.truth) > 0.7


def test_the_first_answer_finds_cells_without_a_stain():
    """Measured: 0.77; a forest on filters alone 0.65."""
    painted, unseen = scenes.relief(2), scenes.relief(102)
    live = LiveTrainer([painted.image], clock=counting())
    live.set_labels(0, painted.strokes)
    live.run(0)
    assert iou(live.predict(unseen.image) == 2, unseen.truth == 2) > 0.71


def test_learns_what_no_filter_sees(trained):
    scene = discs(1)
    assert iou(trained.predict(scene.image) == 2, scene.truth) > 0.7


def test_the_model_predicts_the_same_after_a_file(trained):
    image = discs(2).image
    again = predict_probabilities(Model.from_bytes(trained.model().to_bytes()), image)
    np.testing.assert_allclose(again, predict_probabilities(trained.model(), image), atol=1e-3)
    in_view = trained.predict_probabilities(image)  # in the fastest precision
    assert (again.argmax(axis=0) == in_view.argmax(axis=0)).mean() > 0.98


def test_probabilities_sum_to_one(trained):
    found = trained.predict_probabilities(discs(2).image)
    assert found.shape == (2, 64, 64)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-3)


def test_ids_may_be_any():
    scene = discs(0)
    labels = np.select([scene.strokes == 1, scene.strokes == 2], [7, 3]).astype(np.uint16)
    live = LiveTrainer([scene.image], clock=counting())
    live.set_labels(0, labels)
    live.run(0)
    assert [entry.id for entry in live.model().classes] == [3, 7]
    other = started()
    other.run(0)
    same = np.where(other.predict(scene.image) == 2, 3, 7)
    assert (live.predict(scene.image) == same).mean() > 0.9


def test_a_new_stroke_is_scored_before_it_is_learned():
    live = started()
    live.run(0)
    labels = discs(0).strokes.copy()
    labels[47:49, 42:55] = 2
    before = live.predict(discs(0).image)
    live.set_labels(0, labels)
    events = until(live, Shown)
    (corrective,) = [event for event in events if isinstance(event, Corrective)]
    assert corrective.class_id == 2
    assert events.index(corrective) == 0
    right = (before[47:49, 42:55] == 2).mean()
    assert corrective.score == pytest.approx(right, abs=0.1)


def test_whoever_corrects_waits_for_the_first_answer_alone(monkeypatch):
    live = started()
    live.run(40)
    asked = []
    by_network = Answers._by_network
    monkeypatch.setattr(
        Answers, "_by_network", lambda self, *at: asked.append(at) or by_network(self, *at)
    )
    (before,) = live.predict_tiles(0)
    assert len(asked) == 1
    labels = discs(0).strokes.copy()
    labels[47:49, 42:55] = 2
    live.set_labels(0, labels)
    asked.clear()
    until(live, Shown)
    (after,) = live.predict_tiles(0)
    assert not asked
    assert (after.probabilities != before.probabilities).any()
    assert live.model().header.network_share == 0.5


def test_every_sixth_stroke_of_a_class_is_held_out_for_the_score():
    scene = discs(0)
    labels = np.zeros_like(scene.strokes)
    live = LiveTrainer([scene.image], clock=counting())
    for number in range(6):
        labels[2, 8 * number : 8 * number + 6] = 1
        labels[14 + number % 2, 8 + 3 * number] = 2 if number < 4 else 0
        labels[46 + number % 2, 8 + 3 * number] = 2
        live.set_labels(0, labels)
    (score,) = [event for event in until(live, LiveScore) if isinstance(event, LiveScore)]
    assert live.run(0) == score.value
    dataset = live._dataset
    held_out = np.zeros_like(labels, dtype=bool)
    held_out[2, 32:38] = True  # the fifth stroke of class 1
    assert (dataset.targets[0].held_out & (labels == 1) == held_out).all()
    assert not dataset.targets[0].trained[held_out].any()


def test_erased_strokes_and_vanished_classes_do_not_stop_it():
    scene = discs(0)
    live = started()
    live.run(3)
    labels = scene.strokes.copy()
    labels[2:4, 4:60] = 3  # a third class where there was background
    live.set_labels(0, labels)
    live.run(3)
    assert [entry.id for entry in live.model().classes] == [1, 2, 3]
    labels[labels == 3] = 0
    live.set_labels(0, labels)
    live.run(3)
    assert [entry.id for entry in live.model().classes] == [1, 2]
    live.set_labels(0, np.zeros_like(labels))
    assert "nothing is painted" in live.problem
    assert live.advance() == []
    assert live.predict(scene.image).shape == (64, 64)  # what was learned stays
    live.set_labels(0, scene.strokes)
    assert live.problem is None
    live.run(2)


def test_labels_are_not_changed_and_not_kept():
    scene = discs(0)
    labels = scene.strokes.copy()
    live = LiveTrainer([scene.image], clock=counting())
    live.set_labels(0, labels)
    labels[:] = 0
    assert live.problem is None
    live.run(2)
    assert not labels.any()


def test_images_of_other_sizes_and_contrast_in_one_session():
    scene = discs(0)
    live = started()
    other = (discs(1).image[:50, :40] * 1000 + 5000).astype(np.float32)
    index = live.add_image(other)
    labels = np.zeros(other.shape, np.uint8)
    labels[16, 10:23] = 2
    live.set_labels(index, labels)
    live.run(5)
    assert live.predict(other).shape == (50, 40)
    assert live.predict(scene.image).shape == (64, 64)


@pytest.mark.parametrize("channels_last", [True, False])
def test_channels_first_or_last(channels_last):
    scene = discs(0, channels=3)
    image = scene.image if channels_last else np.moveaxis(scene.image, -1, 0)
    live = LiveTrainer([image], clock=counting())
    live.set_labels(0, scene.strokes)
    live.run(4)
    assert live.predict(image).shape == (64, 64)


def test_is_repeatable():
    found = []
    for _ in range(2):
        live = started(seed=3)
        live.run(12)
        found.append(live.predict_probabilities(discs(1).image))
    np.testing.assert_array_equal(*found)


def test_settles_and_goes_on_with_new_strokes(monkeypatch):
    monkeypatch.setattr("napari_unet.core.live.evidence._PATIENCE", 0)
    live = started()
    events = until(live, Settled)
    assert live.settled
    assert live.advance() == []
    assert "paint where" in events[-1].text
    labels = discs(0).strokes.copy()
    labels[47:49, 42:55] = 2
    live.set_labels(0, labels)
    assert not live.settled


def test_what_it_refuses():
    scene = discs(0)
    with pytest.raises(UserError, match="shape"):
        LiveTrainer([np.zeros((2, 3, 4, 5)) + np.arange(5)])
    live = LiveTrainer([scene.image])
    with pytest.raises(UserError, match="nothing is painted"):
        live.run(1)
    with pytest.raises(UserError, match="nothing is painted"):
        live.predict(scene.image)
    with pytest.raises(UserError, match="channels"):
        live.add_image(discs(0, channels=3).image)
    with pytest.raises(UserError, match="does not fit"):
        live.set_labels(0, scene.strokes[:-1])
    with pytest.raises(UserError, match="no image 1"):
        live.set_labels(1, scene.strokes)
    with pytest.raises(UserError, match="too large"):
        live.set_labels(0, scene.strokes.astype(int) * 40_000)
    with pytest.raises(UserError, match="negative"):
        live.set_labels(0, -scene.strokes.astype(int))
    only = np.where(scene.strokes == 2, 2, 0)
    live.set_labels(0, only)
    with pytest.raises(UserError, match="only class 2"):
        live.run(1)
    live.set_labels(0, scene.strokes)
    live.run(0)
    with pytest.raises(UserError, match="channels"):
        live.predict(discs(0, channels=3).image)


def test_events_tell_the_steps():
    live = started()
    events = until(live, Step)
    assert [event.version for event in events if isinstance(event, Shown)] == [1]
    assert [event.step for event in events if isinstance(event, Step)] == [1]


def test_the_data_of_new_strokes_are_laid_out_once(monkeypatch):
    made = []
    monkeypatch.setattr(
        fine_tuning, "PatchSource", lambda *a, **k: made.append(k) or PatchSource(*a, **k)
    )
    live = started()
    until(live, Step)
    assert len(made) == 1
    more = discs(0).strokes.copy()
    more[1:3, 1:9] = 1
    live.set_labels(0, more)
    until(live, Step)
    assert len(made) == 2
    assert made[1]["anchors"], "what the model said before counts too"
    live.close()


class TestIntensities:
    """An empty field is as empty as the ground of the field that is painted."""

    @pytest.fixture
    def fields(self, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        full, empty = rng.normal(300, 10, (2, 96, 96))
        strokes = np.zeros((96, 96), np.uint8)
        for row, column in ((10, 10), (10, 50), (50, 30)):
            full[row : row + 14, column : column + 14] += 200
            strokes[row + 6, column + 2 : column + 12] = 2
            strokes[row + 22, column : column + 14] = 1
            strokes[row - 6, column : column + 14] = 1
        return full, 2.5 * empty - 90, strokes

    def test_of_a_field_in_view(self, fields):
        full, empty, strokes = fields
        live = LiveTrainer([full], clock=counting())
        live.set_labels(0, strokes)
        live.run(0)
        assert (live.predict(empty) == 2).mean() < 0.01
        assert (live.predict(2 * full) == 2).mean() > 0.04
        live.close()

    def test_of_a_field_that_is_painted_too(self, fields):
        full, empty, strokes = fields
        live = LiveTrainer([empty, full], clock=counting())
        live.set_labels(1, strokes)
        live.run(0)
        live.set_labels(0, np.where(strokes > 0, 1, 0).astype(np.uint8))
        live.run(0)
        for index, share in ((0, 0), (1, 588 / 96**2)):
            (part,) = live.predict_tiles(index)
            assert (part.probabilities[1] > 0.5).mean() == pytest.approx(share, abs=0.015)
        live.close()

    def test_a_stroke_where_nothing_was_imaged_is_none(self, fields):
        full, _, strokes = fields
        live = LiveTrainer([np.where(strokes == 2, np.nan, full)], clock=counting())
        live.set_labels(0, strokes)
        assert live.problem == "only class 1 is painted; paint a stroke of a second one."
        live.close()
