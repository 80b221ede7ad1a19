from __future__ import annotations

import dataclasses
import math
import threading
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

import napari_unet as nu
import scenes
from napari_unet.core.events import Best, Done, Notice, Score, Started, Step
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.unet import UNet
from napari_unet.core.training import data_parallel, trainer
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.train import train, train_events
from napari_unet.core.training.validation import Scorer
from napari_unet.errors import DeviceUnavailable, InvalidInput

NO_MEMORY = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

FAST = {"learning_rate": 3e-3}
COMPACT = PRESETS["compact"]


def events_of(image, labels, **settings) -> scenes.Training:
    given = {"steps": 2, "preset": "compact", "device": "cpu"} | settings
    events = tuple(train_events(image, labels, **given))
    assert isinstance(events[-1], Done)
    return scenes.Training(events, events[-1].model)


def equal(one: nu.Model, other: nu.Model) -> bool:
    assert one.weights.keys() == other.weights.keys()
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.fixture(autouse=True)
def _compact_is_thin(monkeypatch):
    """Let ``compact`` have 8 instead of 16 channels at its first level: what trains it is tested.

    The model that all tests share has all 16.
    """
    monkeypatch.setitem(PRESETS, "compact", replace(COMPACT, base_channels=8))


@pytest.fixture
def thin(monkeypatch):
    """Let ``unet2015`` have 2 instead of 64 channels at its first level, and train it fast."""
    recipe = replace(PRESETS["unet2015"], base_channels=2)
    monkeypatch.setitem(PRESETS, "unet2015", recipe)


@pytest.fixture
def score_each_step(monkeypatch):
    monkeypatch.setattr(trainer, "STEPS_BETWEEN_SCORES", 1)


class TestLearning:
    """Another picture of the same kind, which the training never saw.

    A network that calls everything a disc has an IoU of 0.25 there. Over seeds and precisions the
    scores vary by 0.1.
    """

    def test_from_three_strokes_a_class(self, trained):
        unseen = scenes.discs(seed=1)
        found = nu.predict(trained, unseen.image, device="cpu")
        assert scenes.iou(found, unseen.truth, 2) > 0.6
        assert scenes.iou(found, unseen.truth, 1) > 0.8

    def test_in_three_channels(self, monkeypatch):
        monkeypatch.setitem(PRESETS, "compact", COMPACT)  # a thin one learns it with some seeds
        scene, unseen = scenes.discs(0, channels=3), scenes.discs(1, channels=3)
        model = events_of(scene.image, scene.strokes, steps=90).model
        assert model.header.network.in_channels == 3
        found = nu.predict(model, unseen.image, device="cpu")
        assert scenes.iou(found, unseen.truth, 2) > 0.45

    def test_from_dense_classes(self):
        scene, unseen = scenes.discs(0), scenes.discs(1)
        classes = {"label_kind": "classes", "steps": 70}
        model = events_of(scene.image, scene.truth - 1, **classes, **FAST).model
        found = nu.predict(model, unseen.image, device="cpu")
        assert set(np.unique(found)) <= {0, 1}
        assert scenes.iou(found, unseen.truth - 1, 1) > 0.5

    def test_from_instances_of_several_planes(self):
        """The planes have the same number of objects, each with an id of its own."""
        pair, unseen = [scenes.discs(0), scenes.discs(2)], scenes.discs(1)
        images = np.stack([scene.image for scene in pair])
        labels = np.stack([ndimage.label(scene.truth == 2)[0] for scene in pair])
        assert labels.max() == 4
        model = events_of(images, labels, label_kind="instances", steps=70, **FAST).model
        assert [entry.name for entry in model.classes] == ["background", "object"]
        found = nu.predict(model, unseen.image, device="cpu")
        assert scenes.iou(found, unseen.truth - 1, 1) > 0.5

    def test_the_loss_falls(self, training):
        losses = [step.loss for step in training.of_type(Step)]
        assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


class TestInput:
    @pytest.mark.parametrize(
        "dtype", ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"]
    )
    def test_any_real_dtype_trains(self, discs, dtype):
        grey = discs.image * 20 - (10 if np.dtype(dtype).kind in "if" else -60)
        image = grey > 60 if dtype == "bool" else grey.astype(dtype)
        found = nu.predict(events_of(image, discs.strokes).model, image, device="cpu")
        assert found.shape == image.shape

    def test_one_array_or_several(self, discs):
        alone = events_of(discs.image, discs.strokes).model
        listed = events_of([discs.image], [discs.strokes]).model
        assert equal(alone, listed)

    @pytest.mark.parametrize("shape", [(1, 40), (40, 1), (3, 5)])
    def test_images_far_smaller_than_a_patch(self, rng, shape):
        labels = np.zeros(shape, np.uint8)
        labels.flat[0], labels.flat[-1] = 1, 2
        image = rng.normal(size=shape)
        assert nu.predict(events_of(image, labels).model, image, device="cpu").shape == shape

    def test_ids_are_given_back_as_painted(self, discs):
        """Larger ids in the same order change nothing but the ids."""
        plain = events_of(discs.image, discs.strokes, w0=0, steps=4).model
        renamed = np.array([0, 30, 700])[discs.strokes]
        other = events_of(discs.image, renamed, w0=0, steps=4).model
        assert equal(plain, other)
        np.testing.assert_array_equal(
            nu.predict(other, discs.image, device="cpu"),
            np.array([0, 30, 700])[nu.predict(plain, discs.image, device="cpu")],
        )

    def test_names_colours_and_the_pixels_size_are_kept(self, discs):
        names = [ClassInfo(id=2, name="disc", color="#112233")]
        model = events_of(
            discs.image,
            discs.strokes,
            classes=names,
            pixel_size=(0.5, 0.25),
            pixel_unit="micrometer",
        ).model
        assert [entry.name for entry in model.classes] == ["background", "disc"]
        assert model.header.pixel_size == (0.5, 0.25)
        assert model.header.pixel_unit == "micrometer"


class TestBadInput:
    """Refused when training is asked for, before the first event."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"labels": np.zeros((64, 64), int)}, "nothing is painted"),
            ({"labels": np.eye(64, dtype=int)}, "only class 1"),
            ({"labels": np.ones((64, 63), int)}, "at least two classes"),
            ({"labels": np.eye(64, 63, dtype=int) + 1}, "does not fit"),
            ({"labels": np.eye(64) - 0.5}, "whole numbers"),
            ({"labels": -np.eye(64, dtype=int)}, "negative"),
            ({"images": np.zeros((64, 0))}, "does not fit|empty"),
            ({"images": np.zeros((64, 64))}, "every pixel of the image is 0"),
            ({"images": np.full((64, 64), np.nan)}, "nothing was imaged"),
            ({"images": np.full((64, 64), np.inf)}, "nothing was imaged"),
            ({"images": []}, "0 images and 1 label"),
            ({"seconds": 5.0}, "either in seconds or in steps"),
            ({"steps": -1}, "steps"),
            ({"label_kind": "dense"}, "label_kind"),
            ({"momentum": 1}, "momentum"),
        ],
    )
    def test_is_told_in_one_sentence(self, discs, change, message):
        given = {"images": discs.image, "labels": [discs.strokes], "steps": 1} | change
        with pytest.raises(InvalidInput, match=message) as caught:
            train_events(**given)
        assert "\n" not in str(caught.value)

    def test_a_device_that_is_not_there(self, discs, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(DeviceUnavailable, match="cuda"):
            train_events(discs.image, discs.strokes, steps=1, device="cuda")

    def test_a_model_for_three_channels_on_a_grey_image(self, discs):
        model = scenes.random_model(scenes.small_network(in_channels=3))
        with pytest.raises(InvalidInput, match="3 channels"):
            train_events(discs.image, discs.strokes, steps=1, model=model)


class TestEvents:
    def test_are_in_order(self, training):
        events = training.events
        assert isinstance(events[0], Started)
        assert [event.step for event in training.of_type(Step)] == list(range(1, 81))
        assert [event.step for event in training.of_type(Score)] == [25, 50, 75, 80]
        assert isinstance(events[-1], Done)
        assert len(training.of_type(Started)) == len(training.of_type(Done)) == 1
        for before, event in pairwise(events):
            if isinstance(event, Score):
                assert isinstance(before, Step) and before.step == event.step
            if isinstance(event, Best):
                assert isinstance(before, Score) and before.value == event.score

    def test_cannot_be_changed(self, training):
        for event in training.events[:2] + training.events[-3:]:
            name = dataclasses.fields(event)[0].name
            with pytest.raises(FrozenInstanceError):
                setattr(event, name, None)

    def test_tell_the_time_left(self, training):
        steps = training.of_type(Step)
        elapsed = [step.elapsed for step in steps]
        assert elapsed == sorted(elapsed)
        assert steps[-1].remaining == 0
        half = steps[39]
        assert half.remaining == pytest.approx(half.elapsed, rel=0.05)

    def test_tell_device_precision_and_size(self, training):
        started = training.events[0]
        assert started.device.startswith("CPU")
        assert started.precision in ("float32", "bfloat16")
        assert started.parameters == sum(
            value.numel() for name, value in training.model.weights.items() if "running" not in name
        )

    def test_a_score_is_the_mean_over_the_classes(self, training):
        for score in training.of_type(Score):
            assert len(score.per_class) == 2
            assert score.value == pytest.approx(np.mean(score.per_class))
            assert not score.held_out  # three strokes a class: all of them are trained on

    def test_done_has_the_whole_history(self, training):
        done = training.events[-1]
        (record,) = done.model.header.history
        assert (done.reason, done.step) == ("budget", 80)
        assert record.steps == 80
        assert record.score == done.score == training.of_type(Best)[-1].score
        assert record.labelled_pixels == {1: 336, 2: 39}
        assert record.settings["steps"] == 80
        assert [point.value for point in record.curve] == [
            score.value for score in training.of_type(Score)
        ]


class TestRepeat:
    def test_the_same_seed_and_steps_give_the_same_weights(self, discs):
        """Whatever torch's and NumPy's own generators did before."""
        first = events_of(discs.image, discs.strokes, steps=6, seed=3).model
        torch.manual_seed(99)
        np.random.seed(99)
        assert equal(first, events_of(discs.image, discs.strokes, steps=6, seed=3).model)
        assert not equal(first, events_of(discs.image, discs.strokes, steps=6, seed=4).model)

    @pytest.mark.usefixtures("thin")
    def test_dropout_included(self, discs):
        first = events_of(discs.image, discs.strokes, preset="unet2015", steps=3).model
        torch.manual_seed(99)
        assert equal(first, events_of(discs.image, discs.strokes, preset="unet2015", steps=3).model)

    def test_with_parts_on_two_threads(self, discs):
        torch.set_num_threads(2)
        try:
            models = [events_of(discs.image, discs.strokes, steps=4).model for _ in range(2)]
        finally:
            torch.set_num_threads(1)
        assert equal(*models)

    def test_the_generators_of_torch_and_numpy_are_left_alone(self, discs):
        torch.manual_seed(5)
        np.random.seed(5)
        expected = torch.rand(3), np.random.rand(3)
        torch.manual_seed(5)
        np.random.seed(5)
        nu.predict(events_of(discs.image, discs.strokes).model, discs.image, device="cpu")
        assert torch.equal(torch.rand(3), expected[0])
        np.testing.assert_array_equal(np.random.rand(3), expected[1])


class TestEnd:
    def test_stop_keeps_a_model(self, discs):
        steps = []
        training = events_of(
            discs.image,
            discs.strokes,
            steps=1000,
            should_stop=lambda: steps.append(1) or len(steps) == 3,
        )
        done = training.events[-1]
        assert (done.reason, done.step) == ("stopped", 3)
        assert nu.predict(done.model, discs.image, device="cpu").shape == discs.image.shape

    def test_stop_does_not_wait_for_another_score(self, discs):
        """To score large images takes long, and there is a model already."""
        steps = []
        training = events_of(
            discs.image,
            discs.strokes,
            steps=1000,
            should_stop=lambda: steps.append(1) or len(steps) == 27,
        )
        assert [score.step for score in training.of_type(Score)] == [25]
        done = training.events[-1]
        assert (done.reason, done.step) == ("stopped", 27)
        assert equal(done.model, training.of_type(Best)[-1].model)

    def test_closing_the_events_ends_the_threads(self, discs):
        torch.set_num_threads(2)
        try:
            events = train_events(discs.image, discs.strokes, steps=1000, device="cpu")
            while not isinstance(next(events), Step):
                pass
            events.close()
        finally:
            torch.set_num_threads(1)
        assert not [t for t in threading.enumerate() if t.name.startswith("training")]

    def test_a_budget_in_seconds_ends(self, discs):
        done = events_of(discs.image, discs.strokes, steps=None, seconds=1.0).events[-1]
        assert done.reason == "budget"
        assert done.elapsed >= 1.0

    def test_even_the_shortest_budget_makes_a_step(self, discs):
        done = events_of(discs.image, discs.strokes, steps=None, seconds=1e-6).events[-1]
        assert done.step == 1

    def test_without_a_budget_it_takes_a_minute(self, discs):
        model = events_of(discs.image, discs.strokes, steps=None, should_stop=lambda: True).model
        assert model.header.history[0].settings["seconds"] == 60

    @pytest.mark.usefixtures("score_each_step")
    def test_the_weights_with_the_best_held_out_score_are_kept(self, discs, monkeypatch):
        values = iter([0.3, 0.6, 0.5, 0.597, 0.1, 0.2])
        judged = lambda *_: SimpleNamespace(per_class=(next(values),))  # noqa: E731
        monkeypatch.setattr(Scorer, "judge", judged)
        monkeypatch.setattr(Scorer, "report", lambda *_: {})
        monkeypatch.setattr(trainer.Dataset, "held_out", property(lambda _: True))
        training = events_of(discs.image, discs.strokes, steps=6)
        kept = training.of_type(Best)
        assert [best.step for best in kept] == [1, 2, 4]  # within 0.005 the later one is better
        assert training.events[-1].score == 0.597
        assert equal(training.model, kept[-1].model)

    @pytest.mark.usefixtures("score_each_step")
    def test_ends_when_nothing_improves(self, discs, monkeypatch):
        values = iter([0.5, 0.6, *[0.55] * 100])
        judged = lambda *_: SimpleNamespace(per_class=(next(values),))  # noqa: E731
        monkeypatch.setattr(Scorer, "judge", judged)
        monkeypatch.setattr(Scorer, "report", lambda *_: {})
        monkeypatch.setattr(trainer.Dataset, "held_out", property(lambda _: True))
        monkeypatch.setattr(trainer, "_PATIENCE", 3)
        done = events_of(discs.image, discs.strokes, steps=50).events[-1]
        assert (done.reason, done.step, done.score) == ("converged", 5, 0.6)


class TestFineTuning:
    def test_starts_where_the_model_is(self, trained, discs):
        """A step too small to move anything leaves the weights as they were."""
        model = events_of(
            discs.image, discs.strokes, model=trained, steps=1, learning_rate=1e-12
        ).model
        for name, value in trained.weights.items():
            if "running" not in name:
                torch.testing.assert_close(model.weights[name], value)

    def test_is_not_worse_at_once(self, trained, discs):
        training = events_of(discs.image, discs.strokes, model=trained, steps=3)
        before = nu.predict(trained, discs.image, device="cpu")
        after = nu.predict(training.model, discs.image, device="cpu")
        assert scenes.iou(after, discs.truth, 2) > scenes.iou(before, discs.truth, 2) - 0.15

    def test_keeps_the_history_and_the_preset(self, trained, discs):
        training = events_of(discs.image, discs.strokes, model=trained, preset="unet2015")
        header = training.model.header
        assert [record.steps for record in header.history] == [80, 2]
        assert header.preset == "compact"
        assert header.history[1].settings["preset"] == "compact"

    def test_a_new_class_grows_the_last_layer_and_keeps_the_rest(self, trained, discs):
        strokes = discs.strokes.copy()
        strokes[44:52, 44:52] = 9
        model = events_of(discs.image, strokes, model=trained, steps=1, learning_rate=1e-12).model
        assert [entry.id for entry in model.classes] == [1, 2, 9]
        for name in ("head.weight", "head.bias"):
            torch.testing.assert_close(model.weights[name][:2], trained.weights[name])
        assert model.weights["head.weight"].shape[0] == 3

    def test_a_new_class_is_learnt_beside_the_old_ones(self, trained):
        """Class 3 is a bright bar in the middle of the picture."""
        scene = scenes.discs(0)
        image, strokes = scene.image.copy(), scene.strokes.copy()
        image[26:38, 20:44] = 6.0 + 0.1 * image[26:38, 20:44]
        strokes[26:38, 20:44] = 0
        strokes[32, 22:42] = 3
        model = events_of(image, strokes, model=trained, steps=30, **FAST).model
        found = nu.predict(model, image, device="cpu")
        assert (found[28:36, 22:42] == 3).mean() > 0.7
        assert scenes.iou(found, scene.truth, 2) > 0.4

    def test_does_not_change_the_model_it_starts_from(self, trained, discs):
        before = {name: value.clone() for name, value in trained.weights.items()}
        events_of(discs.image, discs.strokes, model=trained, steps=3)
        assert all(torch.equal(before[name], trained.weights[name]) for name in before)


@pytest.fixture
def limit(monkeypatch):
    """Let passes over more than some number of input pixels fail for want of memory."""
    forward = UNet.forward

    def allow(pixels, *, training=True, error=NO_MEMORY):
        def limited(network, x, **options):
            if network.training == training and x.numel() > pixels():
                raise error
            return forward(network, x, **options)

        monkeypatch.setattr(UNet, "forward", limited)

    return allow


@pytest.mark.fault("out of memory, training")
class TestOutOfMemory:
    """The batch is halved, then the patch, and the user is told."""

    @pytest.mark.parametrize("error", [NO_MEMORY, torch.OutOfMemoryError("CUDA out of memory.")])
    def test_halves_the_batch(self, discs, limit, error):
        limit(lambda: 64 * 64, error=error)
        training = events_of(discs.image, discs.strokes, steps=3)
        texts = [notice.text for notice in training.of_type(Notice)]
        assert ["batches of 2" in text or "batches of 1" in text for text in texts] == [True] * 2
        assert training.events[-1].step == 3

    def test_then_the_patch(self, discs, limit):
        limit(lambda: 40 * 40)
        training = events_of(discs.image, discs.strokes, steps=3)
        texts = [notice.text for notice in training.of_type(Notice)]
        assert len(texts) == 3
        assert "patches of 32 px" in texts[-1]
        assert training.events[-1].step == 3

    def test_without_a_first_model_says_what_to_do(self, discs, limit):
        limit(lambda: 0)
        with pytest.raises(DeviceUnavailable, match="another device"):
            events_of(discs.image, discs.strokes, steps=3)

    @pytest.mark.usefixtures("score_each_step")
    def test_with_a_model_ends_with_it(self, discs, limit):
        left = iter([10**9] * 2)
        limit(lambda: next(left, 0))
        training = events_of(discs.image, discs.strokes, steps=9)
        assert "best weights so far" in training.of_type(Notice)[-1].text
        done = training.events[-1]
        assert (done.reason, done.step) == ("stopped", 2)
        assert equal(done.model, training.of_type(Best)[-1].model)

    def test_while_scoring_goes_on_with_smaller_tiles(self, discs, limit):
        limit(lambda: 240 * 240, training=False)
        training = events_of(discs.image, discs.strokes, steps=2)
        assert "scoring" in training.of_type(Notice)[0].text
        assert len(training.of_type(Score)) == 1

    def test_other_errors_pass(self, discs, limit):
        limit(lambda: 0, error=RuntimeError("a bug"))
        with pytest.raises(RuntimeError, match="a bug"):
            events_of(discs.image, discs.strokes)

    def test_is_a_warning_where_only_the_model_is_asked_for(self, discs, limit):
        limit(lambda: 64 * 64)
        with pytest.warns(UserWarning, match="memory ran out"):
            train(discs.image, discs.strokes, steps=1, preset="compact", device="cpu")


@pytest.mark.fault("NaN loss")
class TestNotFinite:
    """A loss that is none goes back to the averaged weights and is told."""

    @pytest.fixture
    def spoil(self, monkeypatch):
        """Spoil the loss, or only its gradient, of some calls (from 1)."""
        plain = data_parallel.weighted_cross_entropy

        def at(calls, *, gradient_only=False):
            count = iter(range(1, 10_000))

            def spoilt(logits, *args):
                bad = next(count) in calls
                if bad and gradient_only:
                    logits.register_hook(lambda gradient: gradient * math.inf)
                return plain(logits, *args) * (math.nan if bad and not gradient_only else 1.0)

            monkeypatch.setattr(data_parallel, "weighted_cross_entropy", spoilt)

        return at

    @pytest.mark.parametrize("gradient_only", [False, True])
    @pytest.mark.parametrize("threads", [1, 2])
    def test_goes_on_with_half_the_learning_rate(self, discs, spoil, gradient_only, threads):
        spoil({3}, gradient_only=gradient_only)
        torch.set_num_threads(threads)
        try:
            training = events_of(discs.image, discs.strokes, steps=5)
        finally:
            torch.set_num_threads(1)
        (notice,) = training.of_type(Notice)
        assert "half the learning rate" in notice.text
        assert [step.step for step in training.of_type(Step)] == [1, 2, 3, 4, 5]
        assert all(math.isfinite(step.loss) for step in training.of_type(Step))
        assert all(torch.isfinite(value).all() for value in training.model.weights.values())

    def test_without_a_first_model_says_what_to_do(self, discs, spoil):
        spoil(range(1, 1000))
        with pytest.raises(InvalidInput, match="smaller learning rate"):
            events_of(discs.image, discs.strokes, steps=5)

    @pytest.mark.usefixtures("score_each_step")
    def test_with_a_model_ends_with_it(self, discs, spoil):
        spoil(range(3, 1000))
        training = events_of(discs.image, discs.strokes, steps=50)
        assert "best weights so far" in training.of_type(Notice)[-1].text
        assert (training.events[-1].reason, training.events[-1].step) == ("stopped", 2)


class TestUnet2015:
    @pytest.mark.usefixtures("thin")
    def test_is_trained_unpadded_with_dropout_one_patch_at_a_time(self, discs, monkeypatch):
        """Ronneberger et al. 2015, section 3: "a single image" a batch, momentum 0.99."""
        sides = []
        forward = UNet.forward

        def watched(network, x, **options):
            if network.training:
                sides.append(tuple(x.shape))
                assert options["padded"] is False
            return forward(network, x, **options)

        monkeypatch.setattr(UNet, "forward", watched)
        training = events_of(discs.image, discs.strokes, preset="unet2015", steps=2)
        assert sides == [(1, 1, 252, 252)] * 2  # 64 px and what the network needs around them
        assert not any("running" in name for name in training.model.weights)
        assert training.model.header.preset == "unet2015"

    @pytest.mark.usefixtures("thin")
    def test_a_steep_gradient_is_cut_to_a_length_of_1(self, discs):
        """Not in the paper: the first step moves the weights by the learning rate, no further."""
        options = {"preset": "unet2015", "steps": 10**6, "device": "cpu", "learning_rate": 1.0}
        settings = TrainSettings(**options)
        dataset = make_dataset([discs.image], [discs.strokes], settings)
        training = trainer.Run(dataset, settings, None, start=0.0, clock=lambda: 0.0)
        with torch.no_grad():
            training.network.head.weight *= 100
        before = [parameter.detach().clone() for parameter in training.network.parameters()]
        events = list(training.step())
        training.stepper.close()
        assert isinstance(events[0], Step)
        moved = zip(training.network.parameters(), before, strict=True)
        square = sum((after - start).square().sum().item() for after, start in moved)
        assert math.sqrt(square) == pytest.approx(1 / 20, rel=1e-2)  # the first of 20 warm-up steps

    @pytest.mark.slow
    def test_the_whole_network_makes_a_step(self, discs):
        training = events_of(discs.image, discs.strokes, preset="unet2015", steps=1)
        assert training.events[0].parameters == 31_030_658
        assert nu.predict(training.model, discs.image, device="cpu").shape == (64, 64)


def test_train_gives_the_model_and_each_event(discs):
    events = []
    model = train(discs.image, discs.strokes, steps=2, device="cpu", on_event=events.append)
    assert isinstance(events[-1], Done)
    assert model is events[-1].model
