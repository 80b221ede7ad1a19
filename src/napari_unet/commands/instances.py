"""What ``napari-unet predict --save instances`` writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unet.core.files import write_tiff
from napari_unet.core.instance_prediction import stack_instances
from napari_unet.core.model import Model


def save_instances(model: Model, probabilities: np.ndarray, path: Path) -> Path:
    """Write the objects of (K, ..., Y, X) probabilities as (..., Y, X) int32 TIFF."""
    lead = probabilities.shape[1:-2]
    planes = probabilities.reshape(len(probabilities), -1, *probabilities.shape[-2:])
    found = stack_instances(model, planes.swapaxes(0, 1)).reshape(*lead, *planes.shape[-2:])
    write_tiff(path, found, axes="Q" * len(lead) + "YX", kind="instances", classes=())
    return path
