"""Learning while a person paints: a forest at once, the starter at once, the network ever better.

Each stroke is scored before it is learned from. A random forest on filters is fitted anew after
each change; the network, which starts from the starter's weights and is guided by the forest, goes
on training on all strokes so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from torch import Tensor

from napari_unet.core.classes import ClassInfo, describe_classes
from napari_unet.core.config import PRESETS, DeviceName
from napari_unet.core.dataset import Dataset
from napari_unet.core.device import pick_device
from napari_unet.core.events import (
    Corrective,
    LiveEvent,
    LiveScore,
    Notice,
    Settled,
    Shown,
    Step,
)
from napari_unet.core.evidence import Evidence, best_share, score_of
from napari_unet.core.fine_tuning import FineTuning, drawn
from napari_unet.core.first_answer import FirstAnswer
from napari_unet.core.guide import FilterBlocks
from napari_unet.core.image import as_plane
from napari_unet.core.judging import Judge
from napari_unet.core.labels import check_labels
from napari_unet.core.live_data import dataset_of, forest_on
from napari_unet.core.live_model import looks_the_same, snapshot, started, with_share
from napari_unet.core.model import Model
from napari_unet.core.prediction import TileProbabilities, predict_tiles
from napari_unet.core.starter import starter_weights
from napari_unet.core.strokes import Stroke, StrokeBook
from napari_unet.core.tiling import Tile
from napari_unet.errors import InvalidInput

_LEARNING_RATE = 1e-3
_STEPS_BETWEEN_SCORES = 20
_MOST_ASKED = 10  # held-out strokes


class LiveTrainer:
    """Learns to segment from strokes as they are painted.

    Parameters
    ----------
    images
        Each (Y, X), (C, Y, X) or (Y, X, 3), any real dtype; all with the same channels. More can
        be added later.
    device
        Where to compute.
    seed
        Seed of every draw.
    classes
        Names and colours of classes.
    clock
        Gives seconds; decides when :meth:`run` ends.

    Raises
    ------
    InvalidInput
        An image is not one, or their channels differ.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray] = (),
        device: DeviceName = "auto",
        seed: int = 0,
        *,
        classes: Sequence[ClassInfo] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = pick_device(device)
        self.version = 0
        self.settled = False
        self._seed = seed
        self._known = tuple(classes)
        self._clock = clock
        self._start = clock()
        self._book = StrokeBook()
        self._filters: list[FilterBlocks] = []
        self._evidence = Evidence()
        self._judge = Judge(self._filters, self.device)
        self._new: list[Stroke] = []
        self._newest: list[np.ndarray] = []
        self._changed = False
        self._tuning: FineTuning | None = None
        self._dataset: Dataset | None = None
        self._first: FirstAnswer | None = None
        self._shown: Model | None = None
        self._scored_at = 0
        self._due = False
        for image in images:
            self.add_image(image)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    @property
    def problem(self) -> str | None:
        """Why nothing can be learned now, in one sentence with a way out; ``None`` if it can."""
        ids = self._book.class_ids()
        if not ids:
            return "nothing is painted yet; paint a stroke of each class."
        if len(ids) == 1:
            return f"only class {ids[0]} is painted; paint a stroke of a second one."
        return None

    def add_image(self, image: np.ndarray) -> int:
        """Take in an image; return its index.

        Raises
        ------
        InvalidInput
            It is not an image, or has other channels than those before it.
        """
        plane = as_plane(image)
        if self._filters and len(plane) != len(self._filters[0].plane):
            raise InvalidInput(
                f"the images before had {len(self._filters[0].plane)} channels and this one has "
                f"{len(plane)}; use images with the same channels."
            )
        self._filters.append(FilterBlocks(plane))
        self._filters[-1].prepare()
        self._newest.append(np.zeros(plane.shape[1:], dtype=bool))
        return self._book.add_image((plane.shape[1], plane.shape[2]))

    def set_classes(self, classes: Sequence[ClassInfo]) -> None:
        """Name and colour classes."""
        self._known = tuple(classes)

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take in an image's strokes as they are now; what has changed is found inside.

        Parameters
        ----------
        index
            Of the image.
        labels
            (Y, X) class ids, 0 unpainted.

        Raises
        ------
        InvalidInput
            There is no such image, or the labels do not fit it.
        """
        if not 0 <= index < len(self._filters):
            raise InvalidInput(f"there is no image {index}; there are {len(self._filters)}.")
        labels = check_labels(labels)
        if labels.shape != self._filters[index].shape:
            raise InvalidInput(
                f"the labels' shape {labels.shape} does not fit the image's "
                f"{self._filters[index].shape}."
            )
        new = self._book.update(index, labels)
        if new is None:
            return
        if not self._changed:
            self._forget_newest(new)
        self._changed = True
        self.settled = False
        self._new += new
        for stroke in new:
            self._newest[stroke.image][stroke.rows, stroke.columns] = True

    def _forget_newest(self, new: list[Stroke]) -> None:
        if new:
            for mask in self._newest:
                mask[:] = False

    def run(self, seconds: float = 8.0) -> float:
        """Learn for that long, at least until there is something to show.

        Returns
        -------
        float
            The score it believes: mean intersection over union on held-out strokes; before there
            are any, the share of the latest strokes that was right before they were learned.

        Raises
        ------
        InvalidInput
            Fewer than two classes are painted.
        """
        if self.problem is not None:
            raise InvalidInput(self.problem)
        end = self._clock() + seconds
        while self._changed or self._shown is None or self._clock() < end:
            self.advance()
            if self.settled:
                break
        if self._tuning is not None and self._tuning.steps > self._scored_at:
            self._score_and_show(self._tuning.average.state())
        return self._evidence.believed

    def advance(self) -> list[LiveEvent]:
        """Do one piece of work, a fraction of a second: score, fit the forest, or make a step."""
        if self._new and self._shown is not None:
            return self._score_stroke(self._new.pop(0))
        self._new.clear()
        if self.problem is not None:
            self._changed = False
            return []
        if self._changed:
            return self._take_strokes()
        return [] if self.settled else self._step()

    def _score_stroke(self, stroke: Stroke) -> list[LiveEvent]:
        """Score a stroke with what is shown, before anything is learned from it."""
        assert self._shown is not None
        opinions = self._judge.ask(self._shown, [stroke])
        if not opinions:
            return []
        (opinion,) = opinions
        score = opinion.right(self._shown.header.network_share)
        self._evidence.add_stroke(opinion, score)
        return [Corrective(stroke.number, stroke.class_id, score, self.elapsed)]

    def _take_strokes(self) -> list[LiveEvent]:
        """Fit the forest anew and show its answer with the weights that were shown before."""
        ids = self._book.class_ids()
        classes = describe_classes(ids, "scribbles", self._known)
        forest = forest_on(self._book, self._filters, ids, seed=self._seed)
        before = self._shown
        events: list[LiveEvent] = []
        if self._tuning is None:
            self._tuning = self._begin(len(ids))
            events.append(started(self._tuning))
        elif before is not None and before.class_ids.tolist() != ids:
            self._tuning.change_classes(before.class_ids.tolist(), ids)
            self._evidence.classes_changed()
            before = None
        self._evidence.strokes_changed()
        self._dataset = dataset_of(self._book, self._filters, self._newest, classes)
        self._tuning.set_data(self._dataset)
        self._changed = False
        self._first = FirstAnswer(forest, self._starter(), len(self._filters[0].plane))
        weights = self._tuning.average.state() if before is None else before.weights
        model = self._snapshot(weights)
        share = best_share(list(self._evidence.latest), self._tuning.steps)
        self._due = True  # to be scored, after somebody has seen it
        return [*events, *self._show(model, share, None)]

    def _begin(self, n_classes: int) -> FineTuning:
        config = PRESETS["compact"].network(len(self._filters[0].plane), n_classes)
        network = drawn(config, self._seed)
        return FineTuning(network, self.device, seed=self._seed, learning_rate=_LEARNING_RATE)

    def _starter(self) -> Mapping[str, Tensor]:
        if self._first is not None:
            return self._first.weights
        return starter_weights(len(self._filters[0].plane))

    def _step(self) -> list[LiveEvent]:
        assert self._tuning is not None and self._shown is not None
        if self._due:
            self._due = False
            return self._score_and_show(self._shown.weights)
        loss = self._tuning.step()
        steps = self._tuning.steps
        events: list[LiveEvent] = [Step(steps, loss, self.elapsed, None)]
        if steps % _STEPS_BETWEEN_SCORES == 0:
            events += self._score_and_show(self._tuning.average.state())
        return events

    def _score_and_show(self, weights: Mapping[str, Tensor]) -> list[LiveEvent]:
        """Score weights on the held-out strokes; show them unless they are worse than before."""
        assert self._tuning is not None
        steps, elapsed = self._tuning.steps, self.elapsed
        self._scored_at = steps
        model = self._snapshot(weights)
        opinions = self._judge.ask_again(model, self._book.held_out_strokes(_MOST_ASKED))
        share = best_share([*opinions, *self._evidence.latest], steps)
        value = score_of(opinions, share)
        events: list[LiveEvent] = []
        if opinions:
            events.append(LiveScore(steps, elapsed, value))
        else:
            self._evidence.not_scored()
        if not opinions or self._evidence.add_score(value):
            events += self._show(model, share, value if opinions else None)
        if text := self._evidence.settled:
            self.settled = True
            events.append(Settled(text))
        return events

    def _snapshot(self, weights: Mapping[str, Tensor]) -> Model:
        assert self._tuning is not None and self._dataset is not None and self._first is not None
        return snapshot(self._tuning, self._dataset, self._first, weights, seconds=self.elapsed)

    def _show(self, model: Model, share: float, score: float | None) -> list[Shown]:
        before = self._shown
        self._shown = with_share(model, share, score)
        if before is not None and looks_the_same(before, self._shown):
            return []
        self.version += 1
        return [Shown(self.version, share)]

    def model(self) -> Model:
        """Return what is shown as a model that can be saved and predicts anywhere.

        Raises
        ------
        InvalidInput
            There is nothing to show yet.
        """
        if self._shown is None:
            raise InvalidInput(self.problem or "nothing is learned yet; call run() first.")
        return self._shown

    def predict_tiles(
        self, index: int, region: Tile | None = None
    ) -> Iterator[TileProbabilities | Notice]:
        """Predict an image that was added, with what is shown, in the device's fastest precision.

        Parameters
        ----------
        index
            Of the image.
        region
            What to predict; ``None`` for all of it.

        Yields
        ------
        TileProbabilities or Notice
            See :func:`napari_unet.core.prediction.predict_tiles`.
        """
        return predict_tiles(
            self.model(),
            self._filters[index].plane,
            device=self.device,
            region=region,
            fast=True,
            guide=self._judge.guide(index, self.model()),
        )

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return the (Y, X) class ids, as painted, of any image with the same channels."""
        return self.model().class_ids[self.predict_probabilities(image).argmax(axis=0)]

    def predict_probabilities(self, image: np.ndarray) -> np.ndarray:
        """Return each class's probability, (K, Y, X) float32, of any image with the same channels.

        Raises
        ------
        InvalidInput
            There is nothing to show yet, or the image has other channels.
        """
        model = self.model()
        plane = as_plane(image)
        if len(plane) != model.header.network.in_channels:
            raise InvalidInput(
                f"the image has {len(plane)} channels and those learned from have "
                f"{model.header.network.in_channels}; use images with the same channels."
            )
        out = np.empty((len(model.classes), *plane.shape[1:]), dtype=np.float32)
        for part in predict_tiles(model, plane, device=self.device, fast=True):
            if isinstance(part, TileProbabilities):
                out[:, *part.tile.slices] = part.probabilities
        return out

    def close(self) -> None:
        """End the threads."""
        if self._tuning is not None:
            self._tuning.close()
