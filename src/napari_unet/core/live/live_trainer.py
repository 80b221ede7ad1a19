"""Learning while a person paints: a pixel classifier at once, a network ever better.

Each stroke is scored before it is learned from. A classifier on filters and pretrained features
is fitted anew after each change; a network of its own, which begins as the pretrained one, goes on
training on all strokes so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from napari_unet.core.events import Notice
from napari_unet.core.forest import pixel_classifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.arrange import as_plane
from napari_unet.core.images.box import Region, Tile, lies_within
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.intensity import EACH_BY_ITSELF, Scaling
from napari_unet.core.images.lazy_plane import read_part
from napari_unet.core.images.normalise import not_imaged
from napari_unet.core.labels.across_planes import Place
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.live.fine_tuning import PRESET
from napari_unet.core.live.schedule import LiveLoop
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.network.networks import new_network
from napari_unet.core.prediction.predict import TileProbabilities, plane_probabilities
from napari_unet.core.prediction.tile_probabilities import ids_of
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.training.optimizer import new_optimizer
from napari_unet.errors import InvalidInput

_LARGEST_ID = 65535


@cache
def warm_up() -> None:
    """Load, once, what the first strokes would have to wait for longer than for their answer."""
    pixel_classifier.warm_up()
    preset = PRESETS[PRESET]
    new_optimizer(new_network(preset.network(1, 2)), preset)  # loads a large part of torch


class LiveTrainer(LiveLoop):
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

    Attributes
    ----------
    version
        A number that grows whenever what is shown would predict something else.
    settled
        Whether there is nothing left to learn until strokes change.

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
        warm_up()
        super().__init__(pick_device(device), seed, clock)
        self.set_classes(classes)
        for image in images:
            self.add_image(image)

    @property
    def scaling(self) -> Scaling:
        """How images are scaled, by those that are painted; without any each by itself."""
        return EACH_BY_ITSELF if self._shown is None else self._shown.header.scaling

    def add_image(self, image: np.ndarray | Cutout, place: Place | None = None) -> int:
        """Take in an image; return its index.

        Parameters
        ----------
        image
            (Y, X), (C, Y, X) or (Y, X, 3); or a part of a plane, which then is an image of its
            own but for what its grey values are scaled by.
        place
            Of a plane of a stack, the stack (anything hashable) and its index along the axes
            before the rows, so that a stroke across planes is one.

        Raises
        ------
        InvalidInput
            It is not an image, or has other channels than those before it.
        """
        plane = image.alone() if isinstance(image, Cutout) else as_plane(image)
        features = self._features
        if features and plane.shape[0] != features[0].plane.shape[0]:
            raise InvalidInput(
                f"the images before had {features[0].plane.shape[0]} channels and this one has "
                f"{plane.shape[0]}; use images with the same channels."
            )
        features.append(PixelFeatures(plane, self.scaling))
        features[-1].prepare()
        origin = (image.position[0], image.position[1]) if isinstance(image, Cutout) else (0, 0)
        return self._book.add_image(features[-1].shape, place, origin)

    def set_classes(self, classes: Sequence[ClassInfo]) -> None:
        """Name and colour classes."""
        self._known = tuple(classes)

    def shape(self, index: int) -> tuple[int, int]:
        """Return the size of an image, (Y, X)."""
        return self._features[index].shape

    def set_labels(self, index: int, labels: np.ndarray, box: Region | None = None) -> None:
        """Take in an image's strokes as they are now; what has changed is found inside.

        Parameters
        ----------
        index
            Of the image.
        labels
            (Y, X) class ids, 0 unpainted.
        box
            What of the image they are of, (row start, row stop, column start, column stop); all of
            it, if it is not said.

        Raises
        ------
        InvalidInput
            There is no such image, or the labels do not fit it.
        """
        features = self._features
        if not 0 <= index < len(features):
            raise InvalidInput(f"there is no image {index}; there are {len(features)}.")
        labels, shape = check_labels(labels), features[index].shape
        whole = (0, shape[0], 0, shape[1])
        box = whole if box is None else box
        part = Tile.of(box)
        if labels.shape != part.sides or not lies_within(box, whole):
            raise InvalidInput(
                f"the labels' shape {labels.shape} does not fit the image's {shape}."
            )
        if labels.max() > _LARGEST_ID:
            raise InvalidInput(f"class id {labels.max()} is too large; use at most {_LARGEST_ID}.")
        there = [np.arange(*span) for span in part.ranges]
        unknown = not_imaged(read_part(features[index].plane, *there))
        if unknown is not None:
            labels = np.where(unknown, 0, labels)
        new = self._book.update(index, labels, part)
        if new is not None:
            self._take(new)

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
        while self._behind or (self._clock() < end and not self.settled):
            self.advance()
        self._finish()
        return self._evidence.believed

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
            See :func:`napari_unet.core.prediction.tiles.predict_tiles`.
        """
        return predict_tiles(
            self.model(),
            self._features[index].plane,
            device=self.device,
            region=region,
            fast=True,
            class_map=self._judge.class_map(index, self.model()),
            kept=self.kept,
        )

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return the (Y, X) class ids, as painted, of any image with the same channels."""
        return ids_of(self.predict_probabilities(image), self.model().class_ids)

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
        return plane_probabilities(model, plane, device=self.device, fast=True)
