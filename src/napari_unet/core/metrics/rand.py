"""Scores of a segmentation into regions by pairs of pixels and by shared information.

They compare a predicted segmentation S with a true one T, and count only pixels in the foreground
of T (id not 0). Let p_ij be the fraction of these pixels in segment i of S and segment j of T,
s_i and t_j its sums over j and over i. A foreground pixel that S leaves as background (id 0) counts
as a segment of its own, as in the evaluation of the ISBI 2012 challenge.

Source: Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for
connectomics", Frontiers in Neuroanatomy 9:142, 2015.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_unet.core.metrics.contingency import checked_labels, overlap


@dataclass(frozen=True)
class SplitMerge:
    """A score, and its two parts: 1 is best, 0 is worst.

    The score is the harmonic mean of both parts; ``split`` falls where an object of the truth is
    split, ``merge`` where objects of the truth are merged.
    """

    score: float
    split: float
    merge: float


def rand_error(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """One minus the F-score of pixel pairs that belong to one segment.

    The Rand error by which the ISBI 2012 challenge ranked its entries: precision is the fraction of
    the pairs of pixels within one segment of S that are also within one segment of T, recall the
    reverse, and the error is 1 - 2 * precision * recall / (precision + recall). In both images 0 is
    background. Nan if no segment of either image has two pixels, or the truth has no foreground:
    then there are no pairs.
    """
    sizes = _sizes(prediction, truth)
    both, predicted, true = (
        float((pixels * (pixels - 1)).sum()) for pixels in (sizes.both, sizes.predicted, sizes.true)
    )
    return 1 - 2 * both / (predicted + true) if predicted + true else float("nan")


def v_rand(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> SplitMerge:
    """Foreground-restricted Rand score (Arganda-Carreras et al. 2015, eq. 3).

    The split score is sum p_ij**2 / sum t_j**2, the merge score sum p_ij**2 / sum s_i**2, and the
    score 2 * sum p_ij**2 / (sum s_i**2 + sum t_j**2). In both images 0 is background; all nan if
    the truth has no foreground. The images are taken as they are; thin the borders first
    (`membrane_segments`) to score as the challenge does today.
    """
    sizes = _sizes(prediction, truth)
    if sizes.true.size == 0:
        return SplitMerge(float("nan"), float("nan"), float("nan"))
    joint, s, t = (float((pixels**2).sum()) for pixels in (sizes.both, sizes.predicted, sizes.true))
    return SplitMerge(2 * joint / (s + t), joint / t, joint / s)


def v_info(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> SplitMerge:
    """Foreground-restricted information score (Arganda-Carreras et al. 2015, eq. 6).

    With the entropies H(S), H(T) and the mutual information I(S; T), the split score is I(S; T) /
    H(S), the merge score I(S; T) / H(T), and the score 2 * I(S; T) / (H(S) + H(T)). A part whose
    entropy is 0 is 1, for one segment cannot be split, or merged with another; the score is 1 if
    both are. In both images 0 is background; all nan if the truth has no foreground. The images are
    taken as they are; thin the borders first (`membrane_segments`) to score as the challenge does
    today.
    """
    sizes = _sizes(prediction, truth)
    if sizes.true.size == 0:
        return SplitMerge(float("nan"), float("nan"), float("nan"))
    h_s, h_t = _entropy(sizes.predicted), _entropy(sizes.true)
    information = max(0.0, h_s + h_t - _entropy(sizes.both))
    return SplitMerge(
        2 * information / (h_s + h_t) if h_s + h_t else 1.0,
        information / h_s if h_s else 1.0,
        information / h_t if h_t else 1.0,
    )


@dataclass(frozen=True)
class _Sizes:
    """Foreground pixels in each pair of segments that overlap, in each segment of S and of T."""

    both: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.float64]
    true: npt.NDArray[np.float64]


def _sizes(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> _Sizes:
    predicted, true = checked_labels(prediction, truth)
    foreground = true != 0
    table = overlap(predicted[foreground], true[foreground])
    inside = table.prediction_ids[table.columns] != 0
    alone = np.ones(int(table.counts[~inside].sum()))
    segments = table.prediction_sizes[table.prediction_ids != 0]
    return _Sizes(
        np.append(table.counts[inside], alone),
        np.append(segments, alone),
        table.truth_sizes.astype(float),
    )


def _entropy(sizes: npt.NDArray[np.float64]) -> float:
    fractions = sizes / sizes.sum()
    return float(-(fractions * np.log(fractions)).sum())
