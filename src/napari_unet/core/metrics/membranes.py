"""Scores of a membrane map by the regions that the membranes enclose.

This is how the ISBI 2012 challenge on electron microscopy scores, in its first form (Rand error of
the regions as they are) and in its present one (V_rand and V_info after border thinning).

Source: Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for
connectomics", Frontiers in Neuroanatomy 9:142, 2015. `membrane_segments` thins the borders; the
challenge's own program may leave a border a pixel further to one side.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.metrics.contingency import check_same_shape
from napari_unet.core.metrics.rand import rand_error, v_info, v_rand
from napari_unet.core.metrics.warping import warp
from napari_unet.errors import InvalidInput


@dataclass(frozen=True)
class BoundaryScores:
    """Scores of a membrane map.

    ``v_rand`` and ``v_info`` are foreground-restricted scores after the borders were thinned to one
    pixel, 1 is best; ``rand_error`` is the foreground-restricted Rand error, borders as they are, 0
    is best.
    """

    v_rand: float
    v_info: float
    rand_error: float


def membrane_segments(membrane: npt.ArrayLike, thin: bool = True) -> npt.NDArray[np.int32]:
    """Segments that a membrane encloses: the 4-connected components of everything else.

    (row, column) int32 of a boolean image: 0 is the border, 1 to n are the segments. ``thin`` grows
    the segments into the membrane as far as they can without touching, which leaves borders one
    pixel wide in its middle (by flipping simple points, as in `warp`). Loose ends of membrane
    vanish, loose pieces shrink to one pixel. The challenge thins the truth and the prediction, so
    that the width of a membrane does not count.
    """
    mask = np.asarray(membrane)
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise InvalidInput(
            f"A membrane map must be a boolean image with 2 axes, not {mask.dtype} with "
            f"{mask.ndim}; compare the probabilities with a threshold first."
        )
    cells = warp(~mask, np.ones_like(mask)) if thin else ~mask
    return np.asarray(ndimage.label(cells)[0], np.int32)


def boundary_scores(membrane: npt.ArrayLike, truth_membrane: npt.ArrayLike) -> BoundaryScores:
    """Score a membrane map.

    Both are boolean, (row, column) or (plane, row, column). Scores of planes are averaged; planes
    without any segment in the truth are left out, and the scores are nan if there is no other.
    """
    found, truth = np.asarray(membrane, bool), np.asarray(truth_membrane, bool)
    check_same_shape(found, truth)
    if found.ndim not in (2, 3):
        raise InvalidInput(
            f"A membrane map has 2 axes, or 3 with planes, not {found.ndim}; pass one image or a "
            "stack."
        )
    scores = []
    for plane, true in zip(
        found.reshape(-1, *found.shape[-2:]), truth.reshape(-1, *found.shape[-2:]), strict=True
    ):
        if true.all():
            continue
        thin, thin_truth = membrane_segments(plane), membrane_segments(true)
        wide, wide_truth = membrane_segments(plane, thin=False), membrane_segments(true, thin=False)
        scores.append(
            (
                v_rand(thin, thin_truth).score,
                v_info(thin, thin_truth).score,
                rand_error(wide, wide_truth),
            )
        )
    return BoundaryScores(*np.mean(scores or [(np.nan, np.nan, np.nan)], axis=0).tolist())
