"""What is shown of a live training, as a model."""

from __future__ import annotations

from datetime import UTC, datetime

from napari_unet.core.classes import ClassInfo
from napari_unet.core.config import TrainSettings
from napari_unet.core.dataset import Dataset
from napari_unet.core.device import describe
from napari_unet.core.fine_tuning import FineTuning
from napari_unet.core.forest import Forest
from napari_unet.core.header import ModelHeader, TrainingRecord, installed_versions
from napari_unet.core.model import Model


def snapshot(
    tuning: FineTuning,
    forest: Forest,
    dataset: Dataset,
    *,
    classes: tuple[ClassInfo, ...],
    score: float | None,
    seconds: float,
) -> Model:
    """Return the averaged weights and the forest as a model that can be saved.

    Parameters
    ----------
    tuning, forest
        What predicts.
    dataset
        What it was trained on.
    classes
        In the order of the outputs.
    score
        On held-out strokes, if there are any.
    seconds
        Since the training began.
    """
    settings = TrainSettings(steps=max(1, tuning.steps), learning_rate=tuning.learning_rate)
    record = TrainingRecord(
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        steps=tuning.steps,
        seconds=round(seconds, 3),
        score=score,
        labelled_pixels=dataset.labelled_pixels(),
        settings=settings.model_dump(mode="json"),
        versions=installed_versions(),
        device=describe(tuning.device),
    )
    header = ModelHeader(
        network=tuning.network.config,
        preset="compact",
        label_kind="scribbles",
        classes=classes,
        history=(record,),
    )
    return Model(header, tuning.average.state(), forest)
