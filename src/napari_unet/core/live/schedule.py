"""The pieces of work of a live training, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.events import (
    Corrective,
    LiveEvent,
    LiveScore,
    Notice,
    Settled,
    Shown,
    Step,
)
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.intensity import same_range
from napari_unet.core.labels.classes import ClassInfo, describe_classes
from napari_unet.core.live.fine_tuning import FineTuning
from napari_unet.core.live.live_classifiers import Classifiers
from napari_unet.core.live.live_dataset import dataset_of, laid_out, scaling_of
from napari_unet.core.live.mixing import Evidence, Opinion, best_share, judged, score_of
from napari_unet.core.live.network_anchors import FormerAnswer, tiles_around
from napari_unet.core.live.snapshot import looks_the_same, snapshot, started, with_share
from napari_unet.core.live.stroke_book import Stroke, StrokeBook
from napari_unet.core.live.stroke_scoring import Judge
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.networks import drawn
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.judged import Judged

_LEARNING_RATE = 1e-3
_STEPS_BETWEEN_SCORES = 20
_MOST_ASKED = 10  # held-out strokes
_MOST_SCORED = 5  # new strokes: those of an image that was painted before come all at once


@dataclass
class Scoring:
    """A model, the held-out strokes of its classes, and what it said of the first of them."""

    model: Model
    strokes: list[Stroke]
    opinions: list[Opinion] = field(default_factory=list)


class LiveLoop:
    """Scores new strokes, fits the classifier, trains the network, and decides what is shown.

    The base of :class:`napari_unet.core.live.live_trainer.LiveTrainer`, which takes images and
    strokes in. ``_book`` has the strokes of every image, ``_features`` those of every image in the
    same order, ``_known`` names and colours of classes; ``_judge`` keeps what the classifier says
    of the images, ``_evidence`` what the strokes say so far; ``_shown`` is what predicts now.
    """

    def __init__(self, device: torch.device, seed: int, clock: Callable[[], float]) -> None:
        self.device = device
        self._book = StrokeBook()
        self._features: list[PixelFeatures] = []
        self._known: tuple[ClassInfo, ...] = ()
        self._judge = Judge(self._features, device)
        self._evidence = Evidence()
        self._shown: Model | None = None
        self.version = 0
        self.settled = False
        self._seed = seed
        self._clock, self._start = clock, clock()
        self._new: list[Stroke] = []
        self._changed = False
        self._due = False
        self._scoring: Scoring | None = None
        self._scored_at = 0
        self._tuning: FineTuning | None = None
        self._dataset: Dataset | None = None
        self._classifier: PixelClassifier | None = None
        self._classifiers = Classifiers(seed)
        self._former: FormerAnswer | None = None

    @property
    def problem(self) -> str | None:
        """Why nothing can be learned now, in one sentence with a way out; ``None`` if it can."""
        ids = self._book.class_ids()
        if not ids:
            return "nothing is painted yet; paint a stroke of each class."
        if len(ids) == 1:
            return f"only class {ids[0]} is painted; paint a stroke of a second one."
        return None

    @property
    def _behind(self) -> bool:
        """Whether what is shown does not know all strokes yet."""
        return self._changed or self._shown is None

    def _take(self, new: Sequence[Stroke]) -> None:
        """Note that strokes have changed, and which are new; of many, some will be scored."""
        if new and not self._changed:
            self._book.forget_newest()
        self._book.mark_newest(new)
        waiting = [*self._new, *new]
        self._new = waiting[:: math.ceil(len(waiting) / _MOST_SCORED) or 1]
        self._changed = True
        self.settled = False

    def advance(self) -> list[LiveEvent]:
        """Do one piece of work, a fraction of a second: score, fit or make a step."""
        if self._new and self._shown is not None:
            return self._score_stroke(self._new.pop(0))
        self._new.clear()
        if self.problem is not None:
            self._changed = False
            return []
        if self._changed:
            return self._take_strokes()
        return [] if self.settled else self._step()

    def _elapsed(self) -> float:
        return self._clock() - self._start

    def _score_stroke(self, stroke: Stroke) -> list[LiveEvent]:
        """Score a stroke with what is shown, before anything is learned from it."""
        assert self._shown is not None
        if stroke.class_id not in self._shown.class_ids:
            return []
        opinion = self._judge.ask(self._shown, stroke)
        score = opinion.right(self._shown.header.network_share)
        self._evidence.add_stroke(opinion, score)
        return [Corrective(stroke.number, stroke.class_id, score, self._elapsed())]

    def _take_strokes(self) -> list[LiveEvent]:
        """Fit the classifier anew and show its answer with the weights that were shown before."""
        ids = self._book.class_ids()
        classes = describe_classes(ids, "scribbles", self._known)
        before, revoked = self._shown, self._book.revoked
        if before is None or before.class_ids.tolist() != ids:
            self._classifiers.forget()
        self._scale_alike()
        self._classifier = self._classifiers.fit(self._book, self._features, ids, revoked=revoked)
        events: list[LiveEvent] = []
        if self._tuning is None:
            self._tuning = self._begin(len(ids))
            events.append(started(self._tuning))
        elif before is not None and before.class_ids.tolist() != ids:
            self._tuning.change_classes(before.class_ids.tolist(), ids)
            self._evidence.classes_changed()
            before = None
        self._evidence.strokes_changed()
        self._dataset = dataset_of(self._book, self._features, classes)
        self._former = None if before is None or revoked else self._former_answer(before)
        if self._former is None:  # else when it has answered, before the next step
            self._tuning.set_data(self._dataset)
        self._changed, self._book.revoked = False, None
        weights = self._tuning.average.state() if before is None else before.weights
        model = self._snapshot(weights)
        share = best_share(list(self._evidence.latest), self._tuning.steps, self._book.count)
        self._scoring = None
        self._due = True  # to be scored, after somebody has seen it
        return [*events, *self._show(model, share, None)]

    def _scale_alike(self) -> None:
        """Scale the images by those that are painted; where it changes much, find features anew."""
        scaling = scaling_of(self._book, self._features)
        for image, blocks in enumerate(self._features):
            if same_range(scaling.of(blocks.seen), blocks.scaled):
                blocks.scaling = scaling
            else:
                self._features[image] = PixelFeatures(blocks.plane, scaling)
                self._judge.forget(image)
                self._classifiers.forget()

    def _former_answer(self, before: Model) -> FormerAnswer:
        """Return what asks the model of before the newest strokes."""
        rng = np.random.default_rng([self._seed, self._book.count])
        tiles = tiles_around(self._book, before.header.network.stride, rng)
        maps = {image: self._judge.class_map(image, before) for image, _ in tiles}
        planes = [blocks.plane for blocks in self._features]
        return FormerAnswer(before, maps, tiles, planes, self.device)

    def _ask_former(self, former: FormerAnswer) -> list[LiveEvent]:
        """Ask about one tile; after the last, train on what was said too."""
        assert self._tuning is not None and self._dataset is not None and self._shown is not None
        shown = self._shown
        former.ask(lambda image: self._judge.class_map(image, shown))
        if not former.pending:
            anchors = laid_out(former.said, self._book, self._dataset.classes)
            self._tuning.set_data(self._dataset, anchors)
            self._former = None
        return []

    def _begin(self, n_classes: int) -> FineTuning:
        config = PRESETS["compact"].network(self._features[0].plane.shape[0], n_classes)
        network = drawn(config, self._seed)
        return FineTuning(network, self.device, seed=self._seed, learning_rate=_LEARNING_RATE)

    def _step(self) -> list[LiveEvent]:
        assert self._tuning is not None and self._shown is not None
        if self._scoring is not None:
            return self._score_on(self._scoring)
        if self._due:
            self._due = False
            return self._score(self._shown.weights)
        if self._former is not None:
            return self._ask_former(self._former)
        loss = self._tuning.step()
        if math.isnan(loss):
            return [Notice(self._tuning.trouble)]
        steps = self._tuning.steps
        events: list[LiveEvent] = [Step(steps, loss, self._elapsed(), None)]
        if steps % _STEPS_BETWEEN_SCORES == 0:
            events += self._score(self._tuning.average.state())
        return events

    def _score(self, weights: Mapping[str, Tensor]) -> list[LiveEvent]:
        """Begin to score weights on the held-out strokes, one after the other."""
        assert self._tuning is not None
        self._scored_at, model = self._tuning.steps, self._snapshot(weights)
        held_out = self._book.held_out_strokes(_MOST_ASKED)
        asked = [one for one in held_out if one.class_id in model.class_ids]
        self._scoring = Scoring(model, asked)
        return self._score_on(self._scoring)

    def _score_on(self, scoring: Scoring) -> list[LiveEvent]:
        """Ask about one stroke; after the last, show the weights unless they are worse."""
        assert self._tuning is not None
        model, strokes, opinions = scoring.model, scoring.strokes, scoring.opinions
        if len(opinions) < len(strokes):
            opinions.append(self._judge.ask(model, strokes[len(opinions)]))
        if len(opinions) < len(strokes):
            return []
        self._scoring = None
        steps = self._tuning.steps
        share = best_share([*opinions, *self._evidence.latest], steps, self._book.count)
        value = score_of(opinions, share)
        events: list[LiveEvent] = []
        if opinions:
            events.append(LiveScore(steps, self._elapsed(), value))
        else:
            self._evidence.not_scored()
        if not opinions or self._evidence.add_score(value):
            said = self._said(model, judged(strokes, opinions, share)) if opinions else None
            events += self._show(model, share, value if opinions else None, said)
        if text := self._evidence.settled:
            self.settled = True
            events.append(Settled(text))
        return events

    def _snapshot(self, weights: Mapping[str, Tensor]) -> Model:
        assert self._tuning is not None and self._dataset is not None
        assert self._classifier is not None
        return snapshot(
            self._tuning, self._dataset, self._classifier, weights, seconds=self._elapsed()
        )

    def _said(self, model: Model, found: Judged) -> Mapping[str, Any]:
        return found.report(model.class_ids.tolist(), self._book.position)

    def _show(
        self,
        model: Model,
        share: float,
        score: float | None,
        said: Mapping[str, Any] | None = None,
    ) -> list[Shown]:
        before = self._shown
        self._shown = with_share(model, share, score, said)
        if before is not None and looks_the_same(before, self._shown):
            return []
        self.version += 1
        return [Shown(self.version, share)]

    def _finish(self) -> None:
        """Score and show what has been learned since the last time."""
        if self._tuning is not None and self._tuning.steps > self._scored_at:
            self._score(self._tuning.average.state())
        while self._scoring is not None:
            self._score_on(self._scoring)

    def close(self) -> None:
        """End the threads."""
        if self._tuning is not None:
            self._tuning.close()
