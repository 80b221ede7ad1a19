"""``napari-unet evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_unet.core.classes import LabelKind
from napari_unet.core.files import read_label_kind, read_labels
from napari_unet.core.labels import check_labels
from napari_unet.core.metrics import iou, pixel_error
from napari_unet.errors import InvalidInput


def run_evaluate(
    predictions: Sequence[Path], truths: Sequence[Path], *, kind: LabelKind | None
) -> None:
    """Print each prediction's intersection over union a class and its pixel error.

    Parameters
    ----------
    predictions, truths
        As many files of each, in the same order.
    kind
        What the truth is: ``scribbles`` scores only where it is not 0, ``instances`` takes every
        object as class 1; ``None`` takes the kind that the prediction's model was trained on.

    Raises
    ------
    UserError
        With what is wrong and what to do.
    """
    if len(predictions) != len(truths):
        raise InvalidInput(
            f"{len(predictions)} predictions and {len(truths)} truths were given; give one truth "
            "for each prediction, in the same order."
        )
    rows = []
    for prediction_path, truth_path in zip(predictions, truths, strict=True):
        prediction = check_labels(read_labels(prediction_path))
        truth = check_labels(read_labels(truth_path))
        if prediction.shape != truth.shape:
            raise InvalidInput(
                f"{prediction_path} has the shape {prediction.shape} and {truth_path} "
                f"{truth.shape}; compare a prediction with the truth of the same image."
            )
        this_kind = kind or read_label_kind(prediction_path) or "classes"
        if this_kind == "instances":
            prediction, truth = (prediction > 0).astype(np.uint8), (truth > 0).astype(np.uint8)
        mask = truth > 0 if this_kind == "scribbles" else None
        if mask is not None and not mask.any():
            raise InvalidInput(f"{truth_path} labels nothing; choose a truth with labels.")
        rows.append(
            (
                prediction_path.name,
                iou(prediction, truth, mask=mask),
                pixel_error(prediction, truth, mask=mask),
            )
        )
    _print_table(rows)


def _print_table(rows: list[tuple[str, dict[int, float], float]]) -> None:
    ids = sorted({class_id for _, scores, _ in rows for class_id in scores})
    width = max(len("mean"), *(len(name) for name, _, _ in rows))
    columns = [f"IoU class {class_id}" for class_id in ids]
    print("  ".join([" " * width, *columns, "mean IoU", "pixel error"]))
    table = np.array([[scores.get(i, np.nan) for i in ids] for _, scores, _ in rows])
    errors = np.array([error for _, _, error in rows])
    lines = [
        (name, *pair)
        for (name, _, _), pair in zip(rows, zip(table, errors, strict=True), strict=True)
    ]
    if len(rows) > 1:
        lines.append(("mean", _mean(table), errors.mean()))
    for name, scores, error in lines:
        cells = [f"{s:{len(c)}.4f}" for s, c in zip(scores, columns, strict=True)]
        mean = _mean(scores[:, None])[0]
        print("  ".join([f"{name:{width}}", *cells, f"{mean:8.4f}", f"{error:11.4f}"]))
    if np.isnan(table).any():
        print("nan: the class is neither in that prediction nor in that truth")


def _mean(table: np.ndarray) -> np.ndarray:
    """Average over the rows, (N, K) -> (K,), leaving NaN out; NaN where nothing is left."""
    count = (~np.isnan(table)).sum(axis=0)
    total = np.nansum(table, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
