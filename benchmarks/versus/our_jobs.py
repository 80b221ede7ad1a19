"""What our program does in its own process, see :mod:`benchmarks.versus.worker`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import napari_unet
from benchmarks.versus.shared_network import Steps, fixed_batch, several, write_network
from benchmarks.versus.shared_network import lesson as lesson_of
from benchmarks.versus.strokes_job import Answer
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.images.normalise import rescale
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.networks import new_network
from napari_unet.core.prediction.predict import plane_probabilities
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.trainer import Run

CPU = torch.device("cpu")


def files(folder: str) -> Callable[[], None]:
    """Write ``model.safetensors``, and as others take them its network and ``image.npy`` scaled."""

    def write() -> None:
        torch.manual_seed(0)
        config = PRESETS["compact"].network(1, 2)
        header = ModelHeader(
            network=config,
            preset="compact",
            label_kind="classes",
            classes=describe_classes((0, 1), "classes"),
        )
        state = new_network(config).state_dict()
        model = Model(header, {name: v for name, v in state.items() if v.is_floating_point()})
        model.save(Path(folder) / "model.safetensors")
        write_network(model.prediction_network(CPU), Path(folder) / "network.pt")
        plane = np.load(Path(folder) / "image.npy")[None]
        scaled = rescale(plane, header.scaling.of(intensities_of(plane)))
        np.save(Path(folder) / "scaled.npy", scaled[0])

    return write


def train(side: int, patch: int, steps: int, *, bare: bool, bfloat16: bool) -> Callable[[], None]:
    """Make steps of a training of ``compact``; unless ``bare``, everything included."""
    if bare:
        torch.manual_seed(0)
        return several(Steps(Padded(), fixed_batch(patch), bfloat16=bfloat16), steps)
    settings = TrainSettings(
        label_kind="classes",
        preset="compact",
        steps=10**6,
        device="cpu",
        precision="bfloat16" if bfloat16 else "float32",
    )
    image, labels = lesson_of(side)
    dataset = make_dataset([image], [labels], settings)
    run = Run(dataset, settings, None, start=time.monotonic(), clock=time.monotonic)
    return several(lambda: list(run.step()), steps)


class Padded(nn.Module):
    """``compact`` as it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.network = new_network(PRESETS["compact"].network(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.network(x, padded=True)


def predict(folder: str, *, bfloat16: bool) -> Callable[[], np.ndarray]:
    """Predict ``image.npy``; (K, Y, X) probabilities."""
    model = napari_unet.load_model(Path(folder) / "model.safetensors")
    plane = np.load(Path(folder) / "image.npy")[None]
    return lambda: plane_probabilities(model, plane, device=CPU, fast=bfloat16)


class Live:
    """Live's first answer; on the image that is painted in as the window asks for it."""

    def __init__(self, image: np.ndarray) -> None:
        self._image = image
        self._live = napari_unet.LiveTrainer([image], device="cpu")

    def learn(self, labels: np.ndarray) -> None:
        """Take strokes in."""
        self._live.set_labels(0, labels)
        self._live.run(0)

    def segment(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        if image is not self._image:
            return self._live.predict(image)
        out = np.empty(image.shape, np.uint8)
        for part in self._live.predict_tiles(0):
            if isinstance(part, TileProbabilities):
                out[part.tile.slices] = ids_of(part.probabilities, self._live.model().class_ids)
        return out


JOBS = {"files": files, "train": train, "predict": predict, "strokes": partial(Answer, Live)}
