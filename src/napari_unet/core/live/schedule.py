"""The pieces of work of a live training, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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
from napari_unet.core.images.box import Tile
from napari_unet.core.images.intensity import same_range
from napari_unet.core.labels.classes import ClassInfo, describe_classes
from napari_unet.core.live.evidence import Evidence, Opinion, judged
from napari_unet.core.live.fine_tuning import FineTuning
from napari_unet.core.live.live_classifiers import Classifiers
from napari_unet.core.live.live_dataset import dataset_of, laid_out, scaling_of
from napari_unet.core.live.network_anchors import Anchors, sure_of, tiles_around
from napari_unet.core.live.snapshot import looks_the_same, scored, snapshot, started
from napari_unet.core.live.stroke_book import Stroke, StrokeBook
from napari_unet.core.live.stroke_scoring import Judge
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.kept_answers import KeptAnswers
from napari_unet.core.training.dataset import Dataset

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
    of the images, ``_evidence`` what the strokes say so far; ``_shown`` is what predicts now, and
    ``kept`` what its network said of the plane in view.
    """

    def __init__(self, device: torch.device, seed: int, clock: Callable[[], float]) -> None:
        self.device = device
        self._book = StrokeBook()
        self._features: list[PixelFeatures] = []
        self._known: tuple[ClassInfo, ...] = ()
        self._judge = Judge(self._features, device)
        self.kept = KeptAnswers()
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
        self._unasked: list[tuple[int, Tile]] = []  # image and tile
        self._anchors: list[Anchors] = []

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
        opinion = self._judge.ask(self._shown, stroke, self.kept)
        self._evidence.add_stroke(opinion.right)
        return [Corrective(stroke.number, stroke.class_id, opinion.right, self._elapsed())]

    def _take_strokes(self) -> list[LiveEvent]:
        """Fit the classifier anew and show its answer with the weights that were shown before."""
        ids = self._book.class_ids()
        classes = describe_classes(ids, "scribbles", self._known)
        before = self._shown
        if before is None or before.class_ids.tolist() != ids:
            self._classifiers.forget()
        self._scale_alike()
        self._classifier = self._classifiers.fit(
            self._book, self._features, ids, revoked=self._book.revoked
        )
        events: list[LiveEvent] = []
        head = self._classifier.head
        if self._tuning is None:
            channels = self._features[0].plane.shape[0]
            self._tuning = FineTuning(channels, head, self.device, seed=self._seed)
            events.append(started(self._tuning))
        elif before is not None and before.class_ids.tolist() != ids:
            self._tuning.change_classes(before.class_ids.tolist(), ids, head)
            before = None
        self._evidence.strokes_changed()
        self._dataset = dataset_of(self._book, self._features, classes)
        rng = np.random.default_rng([self._seed, self._book.count])
        self._unasked, self._anchors = tiles_around(self._book, rng), []
        self._changed, self._book.revoked = False, None
        weights = self._tuning.average.state() if before is None else before.weights
        model = self._snapshot(weights)
        self._scoring = None
        self._due = True  # to be scored, after somebody has seen it
        return [*events, *self._show(model)]

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

    def _ask_first_answer(self) -> list[LiveEvent]:
        """Ask about one tile; after the last, train on what was said too."""
        assert self._tuning is not None and self._dataset is not None and self._shown is not None
        image, tile = self._unasked.pop()
        self._anchors.append(sure_of(image, tile, self._judge.class_map(image, self._shown)))
        if not self._unasked:
            anchors = laid_out(self._anchors, self._book, self._dataset.classes)
            self._tuning.set_data(self._dataset, anchors)
        return []

    def _step(self) -> list[LiveEvent]:
        assert self._tuning is not None and self._shown is not None
        if self._scoring is not None:
            return self._score_on(self._scoring)
        if self._due:
            self._due = False
            return self._score(self._shown.weights)
        if self._unasked:
            return self._ask_first_answer()
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
        events: list[LiveEvent] = []
        if opinions:
            found = judged(opinions, len(model.classes))
            value = float(np.nanmean(found.per_class))
            events.append(LiveScore(self._tuning.steps, self._elapsed(), value))
            if self._evidence.add_score(value):
                said = found.report(model.class_ids.tolist(), self._book.position)
                events += self._show(scored(model, value, said))
        else:
            self._evidence.not_scored()
            events += self._show(model)
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

    def _show(self, model: Model) -> list[Shown]:
        before, self._shown = self._shown, model
        if before is not None and looks_the_same(before, model):
            return []
        self.version += 1
        return [Shown(self.version, model.header.network_share)]

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
