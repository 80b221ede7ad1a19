"""Scores of a membrane map by the regions that the membranes enclose.

This is how the ISBI 2012 challenge on electron microscopy scores, in its first form (Rand error of
the regions as they are) and in its present one (V_rand and V_info after border thinning).

Source: Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for
connectomics", Frontiers in Neuroanatomy 9:142, 2015. `membrane_segments` thins the borders; the
challenge's own program may leave a border a pixel further to one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.metrics.contingency import check_same_shape
from napari_unet.core.metrics.rand import rand_error, v_info, v_rand
from napari_unet.core.metrics.warping import warp
from napari_unet.errors import InvalidInput

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class BoundaryScores:
    """Scores of a membrane map at one threshold, or each at its best threshold.

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


def boundary_scores(
    membrane_probability: npt.ArrayLike, truth_membrane: npt.ArrayLike, threshold: float
) -> BoundaryScores:
    """Score a membrane map at one threshold.

    A pixel is membrane if its probability is above the threshold; the truth is boolean, (row,
    column) or (plane, row, column). Scores of planes are averaged; planes without any segment in
    the truth are left out, and the scores are nan if there is no other.
    """
    probability, truth = _planes(membrane_probability, truth_membrane)
    return _scores_at(threshold, probability, _true_segments(truth))


def best_threshold_scores(
    membrane_probability: npt.ArrayLike,
    truth_membrane: npt.ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[BoundaryScores, BoundaryScores]:
    """Score a membrane map at the threshold that is best for each score.

    The challenge reports each score at its own best threshold, one for all planes. Probabilities
    and boolean truth are (row, column) or (plane, row, column). Gives the best values, and the
    thresholds at which they were reached: the lowest one of equals. A score is nan only if it is
    nan at every threshold.
    """
    if len(thresholds) == 0:
        raise InvalidInput("There is no threshold to score at; pass at least one.")
    ordered = sorted(thresholds)
    probability, truth = _planes(membrane_probability, truth_membrane)
    segments = _true_segments(truth)
    tried = [_scores_at(threshold, probability, segments) for threshold in ordered]
    best = {
        "v_rand": _highest([scores.v_rand for scores in tried]),
        "v_info": _highest([scores.v_info for scores in tried]),
        "rand_error": _highest([-scores.rand_error for scores in tried]),
    }
    scores = {name: getattr(tried[i], name) for name, i in best.items()}
    return BoundaryScores(**scores), BoundaryScores(**{n: ordered[i] for n, i in best.items()})


def _highest(values: list[float]) -> int:
    """Index of the first of the highest values; nan is lower than any, as nothing was scored."""
    return int(np.nan_to_num(values, nan=-np.inf).argmax())


def _scores_at(
    threshold: float,
    probability: npt.NDArray[Any],
    segments: list[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int32]]],
) -> BoundaryScores:
    scores = []
    for plane, thin_truth, wide_truth in segments:
        membrane = probability[plane] > threshold
        thin, wide = membrane_segments(membrane), membrane_segments(membrane, thin=False)
        scores.append(
            (
                v_rand(thin, thin_truth).score,
                v_info(thin, thin_truth).score,
                rand_error(wide, wide_truth),
            )
        )
    if not scores:
        return BoundaryScores(float("nan"), float("nan"), float("nan"))
    return BoundaryScores(*np.mean(scores, axis=0).tolist())


def _true_segments(
    truth: npt.NDArray[np.bool_],
) -> list[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Thinned segments and segments as they are of each plane that has any, with its number."""
    return [
        (i, membrane_segments(plane), membrane_segments(plane, thin=False))
        for i, plane in enumerate(truth)
        if not plane.all()
    ]


def _planes(
    membrane_probability: npt.ArrayLike, truth_membrane: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    probability, truth = np.asarray(membrane_probability), np.asarray(truth_membrane, bool)
    check_same_shape(probability, truth)
    if probability.ndim not in (2, 3):
        raise InvalidInput(
            f"A membrane map has 2 axes, or 3 with planes, not {probability.ndim}; pass one image "
            "or a stack."
        )
    if probability.ndim == 2:
        return probability[np.newaxis], truth[np.newaxis]
    return probability, truth
