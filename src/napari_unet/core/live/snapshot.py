"""What is shown of a live training, as a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from torch import Tensor

from napari_unet.core.events import Started
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.live.fine_tuning import PRESET, FineTuning
from napari_unet.core.models.header import ModelHeader, TrainingRecord, installed_versions
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import describe
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.settings import TrainSettings

_SHARE = 0.5  # of the network, the rest is the first answer's; docs/method.md


def snapshot(
    tuning: FineTuning,
    dataset: Dataset,
    classifier: PixelClassifier,
    weights: Mapping[str, Tensor],
    *,
    seconds: float,
) -> Model:
    """Return weights and a classifier as a model."""
    settings = TrainSettings(steps=max(1, tuning.steps), preset=PRESET)
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
        preset=PRESET,
        label_kind="scribbles",
        classes=dataset.classes,
        scaling=dataset.scaling,
        history=(record,),
        network_share=_SHARE if tuning.steps else 0.0,
    )
    return Model(header, weights, classifier)


def scored(model: Model, score: float, said: Mapping[str, Any]) -> Model:
    """Return the model with the score that it has, and how good it is at each class.

    See :meth:`napari_unet.core.training.judged.Judged.report`.
    """
    history = (model.header.history[-1].model_copy(update={"score": score, **said}),)
    return replace(model, header=model.header.model_copy(update={"history": history}))


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
