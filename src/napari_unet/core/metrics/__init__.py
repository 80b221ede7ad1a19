"""Scores of segmentations, each with its source.

`pixel` compares classes pixel by pixel, `objects` instances object by object, `rand` and `warping`
divisions into regions, and `membranes` the regions that membranes enclose.
"""

from __future__ import annotations

from napari_unet.core.metrics.membranes import (
    BoundaryScores,
    best_threshold_scores,
    boundary_scores,
    membrane_segments,
)
from napari_unet.core.metrics.objects import (
    ObjectPairs,
    ObjectScores,
    average_precision,
    match_objects,
    seg,
)
from napari_unet.core.metrics.pixel import dice, iou, pixel_error
from napari_unet.core.metrics.rand import SplitMerge, rand_error, v_info, v_rand
from napari_unet.core.metrics.warping import warp, warping_error

__all__ = [
    "BoundaryScores",
    "ObjectPairs",
    "ObjectScores",
    "SplitMerge",
    "average_precision",
    "best_threshold_scores",
    "boundary_scores",
    "dice",
    "iou",
    "match_objects",
    "membrane_segments",
    "pixel_error",
    "rand_error",
    "seg",
    "v_info",
    "v_rand",
    "warp",
    "warping_error",
]
