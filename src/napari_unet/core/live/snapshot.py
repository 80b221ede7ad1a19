"""What is shown of a live training, as a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from torch import Tensor

from napari_unet.core.events import Started
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.live.fine_tuning import FineTuning
from napari_unet.core.models.header import ModelHeader, TrainingRecord, installed_versions
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import describe
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.settings import TrainSettings


def snapshot(
    tuning: FineTuning,
    dataset: Dataset,
    classifier: PixelClassifier,
    weights: Mapping[str, Tensor],
    *,
    seconds: float,
) -> Model:
    """Return weights and a classifier as a model."""
    settings = TrainSettings(steps=max(1, tuning.steps), learning_rate=tuning.learning_rate)
    record = TrainingRecord(
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        steps=tuning.steps,
        seconds=round(seconds, 3),
        score=None,
        labelled_pixels=dataset.labelled_pixels(),
        settings=settings.model_dump(mode="json"),
        versions=installed_versions(),
        device=describe(tuning.device),
        intensity_range=dataset.intensity_range,
    )
    header = ModelHeader(
        network=tuning.network.config,
        preset="compact",
        label_kind="scribbles",
        classes=dataset.classes,
        scaling=dataset.scaling,
        history=(record,),
    )
    return Model(header, weights, classifier)


def with_share(
    model: Model, share: float, score: float | None, said: Mapping[str, Any] | None = None
) -> Model:
    """Return the model with its network counting that much, and the score it has so.

    ``said`` is how good it is at each class, see :class:`napari_unet.core.training.judged.Judged`.
    """
    update = {"score": score, **(said or {})}
    history = (model.header.history[-1].model_copy(update=update),)
    header = model.header.model_copy(update={"network_share": share, "history": history})
    return replace(model, header=header)


def looks_the_same(one: Model, other: Model) -> bool:
    """Tell whether two models are the same to whoever looks at their predictions."""
    return (
        one.weights is other.weights
        and one.classifier is other.classifier
        and one.header.network_share == other.header.network_share
    )


def started(tuning: FineTuning) -> Started:
    """Say what computes."""
    return Started(
        device=describe(tuning.device),
        precision=str(tuning.dtype).removeprefix("torch."),
        parameters=sum(weight.numel() for weight in tuning.network.parameters()),
        held_out=False,
    )
