"""Interactive U-Net segmentation of microscopy images: paint a few strokes, train, see.

Everything here is loaded when it is first used, so that ``import napari_unet`` is quick and needs
neither napari nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.io.open_image import read_image as read_image
    from napari_unet.core.labels.border_weights import border_weights as border_weights
    from napari_unet.core.labels.classes import ClassInfo as ClassInfo
    from napari_unet.core.live.live_trainer import LiveTrainer as LiveTrainer
    from napari_unet.core.models.model import Model as Model
    from napari_unet.core.objects.predict_instances import predict_instances as predict_instances
    from napari_unet.core.prediction.predict import predict as predict
    from napari_unet.core.prediction.predict import predict_probabilities as predict_probabilities
    from napari_unet.core.sharing.export import export_model as export_model
    from napari_unet.core.sharing.load_model import load_model as load_model
    from napari_unet.core.training.train import train as train
    from napari_unet.core.training.train import train_events as train_events
    from napari_unet.errors import UserError as UserError

_HOMES = {
    "ClassInfo": "core.labels.classes",
    "LiveTrainer": "core.live.live_trainer",
    "Model": "core.models.model",
    "UserError": "errors",
    "border_weights": "core.labels.border_weights",
    "export_model": "core.sharing.export",
    "load_model": "core.sharing.load_model",
    "predict": "core.prediction.predict",
    "predict_instances": "core.objects.predict_instances",
    "predict_probabilities": "core.prediction.predict",
    "read_image": "core.io.open_image",
    "train": "core.training.train",
    "train_events": "core.training.train",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-unet-live")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
