"""What every metric does first: check a pair of label images, and count how their ids overlap."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from napari_unet.core.labels.check_labels import check_labels
from napari_unet.errors import InvalidInput

Labels = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Overlap:
    """The non-zero entries of a contingency table, and its margins.

    Ids that occur are ascending, the table's rows and columns, with the pixels of each; ``counts``
    are the non-zero entries, pixels that carry both ids, and ``rows`` and ``columns`` their indices
    into `truth_ids` and `prediction_ids`.
    """

    truth_ids: npt.NDArray[Any]
    prediction_ids: npt.NDArray[Any]
    truth_sizes: npt.NDArray[np.int64]
    prediction_sizes: npt.NDArray[np.int64]
    rows: npt.NDArray[Any]
    columns: npt.NDArray[Any]
    counts: npt.NDArray[np.int64]


def overlap(prediction: Labels, truth: Labels) -> Overlap:
    """Count for every pair of ids the pixels that carry both, as a sparse table."""
    truth_ids, rows = np.unique(truth.ravel(), return_inverse=True)
    prediction_ids, columns = np.unique(prediction.ravel(), return_inverse=True)
    shape = (len(truth_ids), len(prediction_ids))
    ones = np.ones(truth.size, np.int64)
    table = sparse.coo_array((ones, (rows, columns)), shape=shape)
    table.sum_duplicates()
    return Overlap(
        truth_ids,
        prediction_ids,
        np.bincount(rows, minlength=shape[0]),
        np.bincount(columns, minlength=shape[1]),
        table.row,
        table.col,
        table.data,
    )


def checked_labels(
    prediction: npt.ArrayLike, truth: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Prediction and truth as label images of one shape.

    Refused if the shapes differ, or one of them does not hold whole, non-negative numbers.
    """
    pair = check_labels(prediction), check_labels(truth)
    check_same_shape(*pair)
    return pair


def check_same_shape(prediction: npt.NDArray[Any], truth: npt.NDArray[Any]) -> None:
    """Refuse a prediction and a truth of different shapes."""
    if prediction.shape != truth.shape:
        raise InvalidInput(
            f"The prediction has shape {prediction.shape} and the truth {truth.shape}; pass two "
            "label images of one shape."
        )
