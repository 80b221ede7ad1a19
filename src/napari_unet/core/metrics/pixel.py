"""Scores that compare label images pixel by pixel."""

import numpy as np
import numpy.typing as npt

from napari_unet.core.metrics.contingency import Labels, checked_labels, overlap
from napari_unet.errors import InvalidInput


def pixel_error(
    prediction: npt.ArrayLike, truth: npt.ArrayLike, mask: npt.NDArray[np.bool_] | None = None
) -> float:
    """Fraction of pixels whose id differs.

    For two binary images this is the mean squared Euclidean distance, one of the two forms in which
    the ISBI 2012 challenge defined its pixel error (Arganda-Carreras et al. 2015, Front. Neuroanat.
    9:142). Label images of one shape with any number of axes; a mask of that shape says what is
    scored. From 0 to 1; nan if no pixel is scored.
    """
    predicted, true = _scored(prediction, truth, mask)
    return float(np.mean(predicted != true)) if true.size else float("nan")


def iou(
    prediction: npt.ArrayLike, truth: npt.ArrayLike, mask: npt.NDArray[np.bool_] | None = None
) -> dict[int, float]:
    """Intersection over union of each class that occurs in either image, 0 included (Jaccard 1901).

    From 0 to 1; 0 if only one image has the class. A mask says what is scored.
    """
    table = overlap(*_scored(prediction, truth, mask))
    true = dict(zip(table.truth_ids.tolist(), table.truth_sizes.tolist(), strict=True))
    predicted = dict(
        zip(table.prediction_ids.tolist(), table.prediction_sizes.tolist(), strict=True)
    )
    same = table.truth_ids[table.rows] == table.prediction_ids[table.columns]
    both = dict(
        zip(table.truth_ids[table.rows[same]].tolist(), table.counts[same].tolist(), strict=True)
    )
    return {
        i: both.get(i, 0) / (predicted.get(i, 0) + true.get(i, 0) - both.get(i, 0))
        for i in sorted({*true, *predicted})
    }


def _scored(
    prediction: npt.ArrayLike, truth: npt.ArrayLike, mask: npt.NDArray[np.bool_] | None
) -> tuple[Labels, Labels]:
    """Check both images and keep the pixels that are scored."""
    predicted, true = checked_labels(prediction, truth)
    if mask is None:
        return predicted, true
    if mask.shape != true.shape or mask.dtype != np.bool_:
        raise InvalidInput(
            f"The mask is {mask.dtype} of shape {mask.shape}; pass a boolean one of shape "
            f"{true.shape}."
        )
    return predicted[mask], true[mask]
