"""Small synthetic images whose truth is known, and small networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from napari_unet.core.events import TrainEvent
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, TrainedConfig, UNetConfig
from napari_unet.core.network.networks import new_network
from napari_unet.core.network.pooling import pooling_for


@dataclass(frozen=True)
class Scene:
    """An image, what is true in it, and strokes on it (1 background, 2 discs)."""

    image: np.ndarray
    truth: np.ndarray
    strokes: np.ndarray


@dataclass(frozen=True)
class Training:
    """The events of a training and the model it ended with."""

    events: tuple[TrainEvent, ...]
    model: Model

    def of_type(self, kind: type) -> list:
        """Return the events of one type, in their order."""
        return [event for event in self.events if isinstance(event, kind)]


def discs(seed: int, channels: int = 1) -> Scene:
    """Draw four striped discs on noise.

    64 x 64 pixels, discs of radius 9 around (16, 16), (16, 48), (48, 16) and (48, 48). The noise
    of the background is as strong as the stripes, so that no threshold tells the two apart. Three
    strokes a class: background along the top, the middle and the bottom, discs through three of
    the centres; the disc at the bottom right has none.

    With three channels, (64, 64, 3): the discs, noise, and their negative.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    centres = [(16, 16), (16, 48), (48, 16), (48, 48)]
    inside = np.any([np.hypot(rows - y, columns - x) < 9 for y, x in centres], axis=0)
    noise = rng.normal(size=(64, 64))
    plane = np.where(inside, 0.4 * noise + 1.5 * np.sin(1.2 * rows) + 1.0, noise)
    if channels == 3:
        plane = np.stack([plane, rng.normal(size=(64, 64)), -plane], axis=-1)
    strokes = np.zeros((64, 64), np.uint8)
    for row in (2, 31, 60):
        strokes[row : row + 2, 4:60] = 1
    strokes[16, 10:23] = 2
    strokes[10:23, 48] = 2
    strokes[48, 10:23] = 2
    return Scene(plane.astype(np.float32), np.where(inside, 2, 1).astype(np.uint8), strokes)


def relief(seed: int) -> Scene:
    """Draw seven rough lenses lit from one side, as cells without a stain in DIC.

    160 x 160 pixels, lenses of radius 9 to 14 at least 6 px apart. Brightness is the slope of
    their thickness along the diagonal, with noise: inside as bright as outside on the mean, so that
    neither a threshold nor the brightness around a pixel tells the two apart. Strokes: a line
    across the middle of two lenses, one above each of these, and one along the top.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:160, :160]
    lenses: list[tuple[float, float, float]] = []
    while len(lenses) < 7:
        (y, x), r = rng.uniform(14, 146, 2), rng.uniform(9, 14)
        if all(np.hypot(y - v, x - u) > r + q + 6 for v, u, q in lenses):
            lenses.append((y, x, r))
    squares = [r**2 - (rows - y) ** 2 - (columns - x) ** 2 for y, x, r in lenses]
    inside = np.max(squares, axis=0) > 0
    rough = ndimage.gaussian_filter(rng.normal(size=inside.shape), 1.2) / 0.09
    thickness = np.sqrt(np.max(squares, axis=0).clip(0)) + inside * rough
    thickness = ndimage.gaussian_filter(thickness, 1)
    slope = ndimage.sobel(thickness, 0) + ndimage.sobel(thickness, 1)
    image = slope / slope.std() + 0.35 * rng.normal(size=slope.shape)
    strokes = np.zeros(inside.shape, np.uint8)
    strokes[2, 10:40] = 1
    for y, x, r in lenses[:2]:
        strokes[max(0, int(y - r - 4)), int(x) - 6 : int(x) + 7] = 1
        strokes[int(y) - 1 : int(y) + 1, int(x) - 6 : int(x) + 7] = 2
    truth = np.where(inside, 2, 1).astype(np.uint8)
    strokes[strokes != truth] = 0
    return Scene(image.astype(np.float32), truth, strokes)


BALLS_VOXEL = (4.0, 1.0, 1.0)


def balls(seed: int) -> Scene:
    """Draw touching striped balls in noise, seen as slices four times as far apart as pixels.

    12 x 48 x 48 voxels, balls of radius 9 px around (24, 14, 14) and (24, 14, 32), which touch,
    (24, 35, 14) and, one slice higher, (28, 35, 32), in pixels. The noise is as strong as the
    stripes, so that no threshold tells the two apart. Strokes on three slices, 4, 6 and 8:
    background around the balls, 3 px away, and along the top and the bottom, and lines across two
    of the balls.
    """
    rng = np.random.default_rng(seed)
    planes, rows, columns = np.mgrid[:12, :48, :48]
    centres = [(24, 14, 14), (24, 14, 32), (24, 35, 14), (28, 35, 32)]
    distances = [
        np.sqrt((4 * planes - z) ** 2 + (rows - y) ** 2 + (columns - x) ** 2) for z, y, x in centres
    ]
    inside = np.min(distances, axis=0) < 9
    noise = rng.normal(size=inside.shape)
    volume = np.where(inside, 0.4 * noise + 1.5 * np.sin(1.2 * rows) + 1.0, noise)
    strokes = np.zeros(inside.shape, np.uint8)
    for plane in (4, 6, 8):
        away = ndimage.distance_transform_edt(~inside[plane])
        strokes[plane][(away > 2.5) & (away < 3.5)] = 1
        strokes[plane, [1, 46], 3:45] = 1
        strokes[plane, 14, 8:21] = 2
        strokes[plane, 28:41, 32] = 2
    strokes[(strokes == 2) & ~inside] = 0
    return Scene(volume.astype(np.float32), np.where(inside, 2, 1).astype(np.uint8), strokes)


def iou(found: np.ndarray, truth: np.ndarray, class_id: int) -> float:
    """Return the intersection over union of one class."""
    a, b = found == class_id, truth == class_id
    return float((a & b).sum() / (a | b).sum())


def small_network(
    *, in_channels: int = 1, n_classes: int = 2, batch_norm: bool = True, depth: int = 2
) -> UNetConfig:
    """Return a network of four channels at its first level, in all else like ``compact``."""
    return UNetConfig(
        in_channels=in_channels,
        n_classes=n_classes,
        base_channels=4,
        depth=depth,
        batch_norm=batch_norm,
        dropout=0.0,
        pad_in_training=True,
    )


def volume_network(
    voxel_size: tuple[float, float, float], depth: int = 2, *, batch_norm: bool = True
) -> UNetConfig:
    """Return such a network for volumes of these voxels."""
    pooling = pooling_for(voxel_size, depth)
    values = small_network(depth=depth, batch_norm=batch_norm).model_dump()
    return UNetConfig(**values | {"ndim": 3, "pooling": pooling})


def random_model(config: TrainedConfig, *, ids: tuple[int, ...] = (), seed: int = 0) -> Model:
    """Return a model with random weights, and random running statistics where it has any."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = new_network(config)
    for name, value in network.state_dict().items():
        if name.endswith(("running_mean", "norms.0.bias", "norms.1.bias")):
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
        elif name.endswith(("running_var", "norms.0.weight", "norms.1.weight")):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    header = ModelHeader(
        network=config,
        preset="compact",
        label_kind="scribbles",
        classes=describe_classes(ids or range(1, config.n_classes + 1), "scribbles"),
    )
    state = network.state_dict()
    weights = {name: value for name, value in state.items() if value.is_floating_point()}
    return Model(header, weights)


def preset_model(preset: str) -> Model:
    """Return a random model of a preset's network, for one channel and two classes."""
    return random_model(PRESETS[preset].network(1, 2))
