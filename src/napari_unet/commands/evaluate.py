"""``napari-unet evaluate``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from skimage.measure import label

from napari_unet.commands.pairs import check_pairs
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.io.write_result import holds_objects, read_label_kind
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.core.labels.classes import LabelKind
from napari_unet.core.metrics.membranes import boundary_scores
from napari_unet.core.metrics.objects import average_precision, seg
from napari_unet.core.metrics.pixel import iou, pixel_error
from napari_unet.core.metrics.warping import warping_error
from napari_unet.errors import InvalidInput


def run(
    predictions: Sequence[Path],
    truth: Sequence[Path],
    label_kind: LabelKind | None,
    membrane: int | None,
) -> None:
    """Print a table of scores, a prediction a row.

    ``label_kind`` is what the truth is: ``scribbles`` scores only where it is not 0; ``instances``
    takes every object as class 1, and compares the objects with those of the prediction if it says
    that it holds any, else with its connected components; ``None`` takes the kind that the
    prediction says itself, for classes the one that its model was trained on. ``membrane`` is the
    id of a class that encloses regions, which are then compared as ISBI 2012 did.
    """
    if len(predictions) != len(truth):
        raise InvalidInput(
            f"{len(predictions)} predictions and {len(truth)} truths were given; give one truth "
            "for each prediction, in the same order."
        )
    check_pairs(predictions, truth)
    rows = []
    for prediction_path, truth_path in zip(predictions, truth, strict=True):
        prediction = check_labels(read_labels(prediction_path))
        true = check_labels(read_labels(truth_path))
        if prediction.shape != true.shape:
            raise InvalidInput(
                f"{prediction_path} has the shape {prediction.shape} and {truth_path} "
                f"{true.shape}; compare a prediction with the truth of the same image."
            )
        this_kind = label_kind or read_label_kind(prediction_path) or "classes"
        if this_kind == "scribbles" and not true.any():
            raise InvalidInput(f"{truth_path} labels nothing; choose a truth with labels.")
        scores = _pixel_scores(prediction, true, this_kind)
        if this_kind == "instances":
            scores |= _object_scores(
                prediction if holds_objects(prediction_path) else _pieces(prediction), true
            )
        if membrane is not None:
            scores |= _membrane_scores(prediction == membrane, true == membrane)
        rows.append((prediction_path.name, scores))
    _print_table(rows)


def _pixel_scores(prediction: np.ndarray, truth: np.ndarray, kind: LabelKind) -> dict[str, float]:
    if kind == "instances":
        prediction, truth = (prediction > 0).astype(np.uint8), (truth > 0).astype(np.uint8)
    mask = truth > 0 if kind == "scribbles" else None
    classes = iou(prediction, truth, mask=mask)
    known = [value for value in classes.values() if not np.isnan(value)]
    return {
        **{f"IoU class {class_id}": value for class_id, value in sorted(classes.items())},
        "mean IoU": float(np.mean(known)) if known else np.nan,
        "pixel error": pixel_error(prediction, truth, mask=mask),
    }


def _pieces(mask: np.ndarray) -> np.ndarray:
    """Return the connected components of a mask, numbered."""
    return np.asarray(label(mask > 0, connectivity=1))


def _object_scores(objects: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    (at_half,) = average_precision(objects, truth, thresholds=(0.5,))
    return {"SEG": seg(objects, truth), "AP 0.5": at_half.average_precision, "F1 0.5": at_half.f1}


def _membrane_scores(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score planes of a membrane map."""
    regions = boundary_scores(prediction, truth)
    planes = zip(
        prediction.reshape(-1, *truth.shape[-2:]), truth.reshape(-1, *truth.shape[-2:]), strict=True
    )
    return {
        "V_rand": regions.v_rand,
        "V_info": regions.v_info,
        "Rand error": regions.rand_error,
        "warping error": float(np.mean([warping_error(~found, ~true) for found, true in planes])),
    }


def _print_table(rows: list[tuple[str, dict[str, float]]]) -> None:
    columns = list(dict.fromkeys(name for _, scores in rows for name in scores))
    names = [name for name, _ in rows]
    table = np.array([[scores.get(column, np.nan) for column in columns] for _, scores in rows])
    empty = bool(np.isnan(table).any())
    if len(rows) > 1:
        count = (~np.isnan(table)).sum(axis=0)
        mean = np.where(count > 0, np.nansum(table, axis=0) / np.maximum(count, 1), np.nan)
        names, table = [*names, "mean"], np.vstack([table, mean])
    width = max(map(len, names))
    print("  ".join([" " * width, *columns]))
    for name, scores in zip(names, table, strict=True):
        cells = [f"{s:{max(len(c), 6)}.4f}" for s, c in zip(scores, columns, strict=True)]
        print("  ".join([f"{name:{width}}", *cells]))
    if empty:
        print("nan: there is nothing to score, such as a class in neither prediction nor truth")
