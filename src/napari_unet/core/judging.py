"""Asking a model about the pixels of a stroke that it has not learned."""

from __future__ import annotations

import numpy as np
import torch

from napari_unet.core.answer import Answers
from napari_unet.core.evidence import Opinion
from napari_unet.core.guide import Guide
from napari_unet.core.model import Model
from napari_unet.core.strokes import Stroke
from napari_unet.core.tiling import Tile, plan

_TILE = 128


def judge(
    model: Model,
    plane: np.ndarray,
    stroke: Stroke,
    *,
    guide: Guide,
    device: torch.device,
    dtype: torch.dtype,
) -> Opinion | None:
    """Return what a model's two parts say of a stroke; ``None`` if they do not know its class.

    Parameters
    ----------
    model
        With a first answer.
    plane
        (C, Y, X), the stroke's image.
    stroke
        What to ask about.
    guide
        What the model's forest says of the plane.
    device, dtype
        Where and in which precision to compute.
    """
    truth = np.flatnonzero(model.class_ids == stroke.class_id)
    if len(truth) == 0:
        return None
    rows, columns = stroke.rows, stroke.columns
    box = Tile((int(rows.min()), int(rows.max()) + 1), (int(columns.min()), int(columns.max()) + 1))
    answers = [
        Answers(model, plane, device=device, dtype=dtype, guide=guide, share=share)
        for share in (0.0, 1.0)
    ]
    found = np.zeros((2, len(model.classes), len(rows)), dtype=np.float32)
    for tile in plan(model.header.network, box, _TILE):
        (top, bottom), (left, right) = tile.rows, tile.columns
        here = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        if not here.any():
            continue
        for part, answer in zip(found, answers, strict=True):
            probabilities = answer.probabilities(tile)
            part[:, here] = probabilities[:, rows[here] - top, columns[here] - left]
    return Opinion(int(truth[0]), first=found[0], network=found[1])
