"""What a training starts with: its network, and where its patches come from."""

from __future__ import annotations

import torch

from napari_unet.core.labels.classes import LabelKind
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, TrainSettings, UNetConfig
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.patch_sampler import PatchSource, volume_sides

# How often a class is painted says nothing of how frequent it is; how often it occurs in dense
# labels does, and half a balance gave the best intersection over union there.
_BALANCE: dict[LabelKind, float] = {"scribbles": 1.0, "classes": 0.5, "instances": 0.5}


def starting_network(dataset: Dataset, settings: TrainSettings, model: Model | None) -> UNet:
    """Draw a new network, or take a model's and grow its last layer by the new classes."""
    count = len(dataset.classes)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed)
        if model is not None:
            return model.network(count)
        preset = PRESETS[settings.preset]
        return UNet(preset.network(dataset.channels, count, voxel_size=settings.cubes))


def patch_source(
    dataset: Dataset, config: UNetConfig, settings: TrainSettings, device: torch.device
) -> PatchSource:
    """Return where a training draws its patches, of its preset's size."""
    preset = PRESETS[settings.preset]
    strokes = settings.label_kind == "scribbles"
    side: int | tuple[int, ...]
    if settings.cubes is None:
        side = preset.stroke_patch if strokes else preset.patch
    else:
        voxels = preset.stroke_voxels if strokes else preset.voxels
        side = volume_sides(dataset, voxels, settings.cubes)
    return PatchSource(
        dataset,
        config,
        side=side,
        elastic=settings.elastic,
        balance_exponent=_BALANCE[settings.label_kind],
        device=device,
        voxel_size=settings.cubes,
    )
