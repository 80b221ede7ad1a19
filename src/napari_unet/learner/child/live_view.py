"""What a live job is asked to look at, and how it is predicted."""

from collections.abc import Iterator
from dataclasses import dataclass

from napari_unet.core.events import Notice
from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.intensity import same_range
from napari_unet.core.live.live_trainer import LiveTrainer
from napari_unet.core.prediction.predict import TileProbabilities
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.errors import InvalidInput
from napari_unet.learner.child.coverage import Cover


@dataclass
class View:
    """A plane, what of it is in view, and how much of it is predicted.

    Generation and key are as the window has them; the region in view may be ``None`` for the whole
    plane. ``features`` are of the plane's pixels, where the trainer has none, because nothing is
    painted there; kept for as long as it is looked at.
    """

    generation: int
    key: str
    region: Tile | None
    cover: Cover
    features: PixelFeatures | None
    _classifier: PixelClassifier | None = None
    _map: ClassMap | None = None

    @property
    def is_part(self) -> bool:
        """Whether nothing but what is in view is here to be predicted."""
        return self.features is not None and isinstance(self.features.plane, Cutout)

    def tiles(
        self, trainer: LiveTrainer, index: int | None, block: Tile
    ) -> Iterator[TileProbabilities | Notice]:
        """Predict a block with what the trainer shows.

        ``index`` is that of the plane, if the trainer has it. ``InvalidInput`` if the plane has
        other channels than those that were learnt from.
        """
        if index is not None:
            return trainer.predict_tiles(index, block)
        if self.features is None:
            raise LookupError(f"the plane {self.key} was never sent")
        model = trainer.model()
        wanted, found = model.header.network.in_channels, self.features.plane.shape[0]
        if found != wanted:
            raise InvalidInput(
                f"Live learns from {wanted} channel{'s' * (wanted > 1)} and the image in view has "
                f"{found}; look at one like those that are painted."
            )
        if not same_range(model.header.scaling.of(self.features.seen), self.features.scaled):
            self.features = PixelFeatures(self.features.plane, model.header.scaling)
            self._classifier = None
        classifier = model.classifier
        if classifier is not self._classifier:
            self._classifier = classifier
            self._map = None if classifier is None else ClassMap(self.features, classifier)
        plane = self.features.plane
        return predict_tiles(
            model,
            plane,
            device=trainer.device,
            region=block,
            fast=True,
            class_map=self._map,
            kept=trainer.kept,
        )
