"""Learning while a person paints: a forest at once, the starter at once, the network ever better.

Each stroke is scored before it is learned from. A random forest on filters is fitted anew after
each change; the network, which starts from the starter's weights and is guided by the forest, goes
on training on all strokes so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from napari_unet.core.classes import ClassInfo, describe_classes
from napari_unet.core.config import DeviceName
from napari_unet.core.dataset import Dataset
from napari_unet.core.device import computing, describe, pick_device
from napari_unet.core.events import (
    Corrective,
    LiveEvent,
    LiveScore,
    Notice,
    Settled,
    Shown,
    Started,
    Step,
)
from napari_unet.core.evidence import Evidence
from napari_unet.core.fine_tuning import FineTuning
from napari_unet.core.forest import Forest, fit_forest
from napari_unet.core.guide import FilterBlocks, Guide
from napari_unet.core.image import as_plane, rescale
from napari_unet.core.labels import check_labels, make_target, with_held_out
from napari_unet.core.live_model import snapshot
from napari_unet.core.model import Model
from napari_unet.core.prediction import TileProbabilities, predict_tiles
from napari_unet.core.scoring import Scorer
from napari_unet.core.starter import starter_network
from napari_unet.core.strokes import Stroke, StrokeBook, bounding_box
from napari_unet.core.tiling import Tile
from napari_unet.errors import InvalidInput

_LEARNING_RATE = 1e-3
_STEPS_BETWEEN_SCORES = 20
_SURROUNDINGS = 192  # pixels around the strokes that patches may see
_MOST_PIXELS_A_CLASS = 20_000
_TOLERANCE = 0.02


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
        self._new: list[Stroke] = []
        self._fresh: list[np.ndarray] = []
        self._changed = False
        self._tuning: FineTuning | None = None
        self._scorer: Scorer | None = None
        self._dataset: Dataset | None = None
        self._shown: Model | None = None
        self._guides: list[Guide] = []
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
        self._fresh.append(np.zeros(plane.shape[1:], dtype=bool))
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
            self._forget_fresh(new)
        self._changed = True
        self.settled = False
        self._new += new
        for stroke in new:
            self._fresh[stroke.image][stroke.rows, stroke.columns] = True

    def _forget_fresh(self, new: list[Stroke]) -> None:
        if new:
            for mask in self._fresh:
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
        return self._step()

    def _score_stroke(self, stroke: Stroke) -> list[LiveEvent]:
        """Score a stroke with what is shown, before anything is learned from it."""
        assert self._shown is not None
        ids = self._shown.class_ids
        if stroke.class_id not in ids:
            return []
        truth = int(np.flatnonzero(ids == stroke.class_id)[0])
        box = Tile(
            (int(stroke.rows.min()), int(stroke.rows.max()) + 1),
            (int(stroke.columns.min()), int(stroke.columns.max()) + 1),
        )
        found = np.empty((box.rows[1] - box.rows[0], box.columns[1] - box.columns[0]), dtype=int)
        for part in self.predict_tiles(stroke.image, box):
            if isinstance(part, TileProbabilities):
                rows, columns = part.tile.rows, part.tile.columns
                found[
                    rows[0] - box.rows[0] : rows[1] - box.rows[0],
                    columns[0] - box.columns[0] : columns[1] - box.columns[0],
                ] = part.probabilities.argmax(axis=0)
        right = found[stroke.rows - box.rows[0], stroke.columns - box.columns[0]] == truth
        score = float(right.mean())
        self._evidence.add_stroke(score)
        return [Corrective(stroke.number, stroke.class_id, score, self.elapsed)]

    def _take_strokes(self) -> list[LiveEvent]:
        """Fit the forest anew, guide the network by it, and show the result."""
        ids = self._book.class_ids()
        classes = describe_classes(ids, "scribbles", self._known)
        forest = self._fit(ids)
        self._guides = [Guide(filters, forest) for filters in self._filters]
        first = self._tuning is None
        tuning = self._network_for(len(ids))
        self._dataset = self._make_dataset(ids, classes)
        tuning.set_data(self._dataset)
        self._scorer = None
        if self._dataset.held_out:
            self._scorer = Scorer(
                self._dataset, tuning.network.config, balanced=True, device=self.device
            )
        self._changed = False
        events: list[LiveEvent] = []
        if first:
            parameters = sum(weight.numel() for weight in tuning.network.parameters())
            precision = str(tuning.dtype).removeprefix("torch.")
            events.append(Started(describe(self.device), precision, parameters, False))
        return [*events, *self._show(forest, classes)]

    def _fit(self, ids: list[int]) -> Forest:
        values, classes = [], []
        rng = np.random.default_rng(self._seed)
        for index, class_id in enumerate(ids):
            for image, filters in enumerate(self._filters):
                labels = self._book.labels[image]
                rows, columns = np.nonzero((labels == class_id) & ~self._book.held_out(image))
                if len(rows) > _MOST_PIXELS_A_CLASS:
                    kept = rng.choice(len(rows), _MOST_PIXELS_A_CLASS, replace=False)
                    rows, columns = rows[kept], columns[kept]
                if len(rows):
                    values.append(filters.at(rows, columns))
                    classes.append(np.full(len(rows), index))
        return fit_forest(
            np.concatenate(values), np.concatenate(classes), len(ids), seed=self._seed
        )

    def _network_for(self, n_classes: int) -> FineTuning:
        """Return the training with a network for that many classes; its weights fit any number."""
        if self._tuning is None:
            network = starter_network(len(self._filters[0].plane), n_classes)
            self._tuning = FineTuning(
                network, self.device, seed=self._seed, learning_rate=_LEARNING_RATE
            )
        elif self._tuning.network.config.n_classes != n_classes:
            network = starter_network(len(self._filters[0].plane), n_classes)
            network.load_state_dict(self._tuning.average.network.state_dict())
            self._tuning.restart(network)
        return self._tuning

    def _make_dataset(self, ids: list[int], classes: tuple[ClassInfo, ...]) -> Dataset:
        planes, targets = [], []
        for image, labels in enumerate(self._book.labels):
            if not labels.any():
                continue
            window = bounding_box(labels > 0, grown_by=_SURROUNDINGS)
            rows, columns = (np.arange(part.start, part.stop) for part in window)
            filters = self._filters[image]
            patch = rescale(filters.plane[:, *window], filters.ranges)
            planes.append(np.concatenate([patch, self._guides[image].read(rows, columns)]))
            known = np.where(np.isin(labels[window], ids), labels[window], 0)
            target = make_target(known, "scribbles", ids, newest=self._fresh[image][window])
            targets.append(with_held_out(target, self._book.held_out(image)[window]))
        return Dataset(tuple(planes), tuple(targets), classes)

    def _step(self) -> list[LiveEvent]:
        assert self._tuning is not None
        if self.settled:
            return []
        tuning = self._tuning
        batch = tuning.step()
        events: list[LiveEvent] = [Step(tuning.steps, batch, self.elapsed, None)]
        if tuning.steps % _STEPS_BETWEEN_SCORES == 0:
            events += self._score()
        return events

    def _score(self) -> list[LiveEvent]:
        """Score the averaged weights, and show them unless they are worse than what is shown."""
        assert self._tuning is not None and self._shown is not None
        assert self._shown.forest is not None
        if self._scorer is None:
            return self._show(self._shown.forest, self._shown.classes)
        with computing(self.device, self._tuning.dtype):
            value = float(np.nanmean(self._scorer.score(self._tuning.average.network)))
        events: list[LiveEvent] = [LiveScore(self._tuning.steps, self.elapsed, value)]
        if self._evidence.add_score(value, tolerance=_TOLERANCE):
            events += self._show(self._shown.forest, self._shown.classes)
        if text := self._evidence.settled:
            self.settled = True
            events.append(Settled(text))
        return events

    def _show(self, forest: Forest, classes: tuple[ClassInfo, ...]) -> list[LiveEvent]:
        assert self._tuning is not None
        assert self._dataset is not None
        self._shown = snapshot(
            self._tuning,
            forest,
            self._dataset,
            classes=classes,
            score=self._evidence.score,
            seconds=self.elapsed,
        )
        self.version += 1
        return [Shown(self.version, self._shown.header.network_share)]

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
            guide=self._guides[index] if index < len(self._guides) else None,
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
