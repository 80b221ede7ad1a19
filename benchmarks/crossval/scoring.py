"""Scores of one test image, kept so that those of many can be put together later."""

from __future__ import annotations

import numpy as np
from skimage.measure import label

from benchmarks.crossval.data import IGNORED, Folder, Sample
from benchmarks.crossval.results import ImageScores, Objects
from napari_unet.core.metrics.membranes import membrane_segments
from napari_unet.core.metrics.objects import average_precision, match_objects
from napari_unet.core.metrics.pixel import pixel_error
from napari_unet.core.metrics.rand import rand_error, v_info, v_rand
from napari_unet.core.metrics.warping import warping_error
from napari_unet.errors import InvalidInput

# A trained network is sure of most pixels, so that what closes a gap may be a threshold of 0.01.
THRESHOLDS = (
    *(0.01, 0.02),
    *(round(0.05 * step, 2) for step in range(1, 20)),
    *(0.98, 0.99),
)
MEMBRANE_SCORES = ("pixel error", "Rand error", "V_rand", "V_info", "warping error")


def score_image(
    probabilities: np.ndarray, sample: Sample, folder: Folder, *, near: bool, seconds: float
) -> ImageScores:
    """Compare a prediction with the truth.

    Parameters
    ----------
    probabilities
        (K, Y, X) float32 of the folder's classes.
    sample, folder
        The image, and what its classes mean.
    near
        Whether it is next to a training image.
    seconds
        That the prediction took.

    Raises
    ------
    InvalidInput
        The prediction is not one of this image: other shape, or not finite.
    """
    expected = (folder.n_classes, *sample.labels.shape)
    if probabilities.shape != expected or not np.isfinite(probabilities).all():
        raise InvalidInput(
            f"the prediction of {sample.name} has the shape {probabilities.shape}, expected "
            f"{expected}, or is not finite; the method is at fault."
        )
    found = probabilities.argmax(axis=0)
    membranes = None
    if folder.membrane is not None:
        membranes = score_membranes(
            probabilities[folder.membrane], sample.classes == folder.membrane
        )
    return ImageScores(
        name=sample.name,
        near=near,
        seconds=seconds,
        confusion=confusion(sample.classes, found, folder.n_classes),
        objects=score_objects(found, sample.labels) if folder.scored == "objects" else None,
        membranes=membranes,
    )


def confusion(truth: np.ndarray, found: np.ndarray, n_classes: int) -> tuple[tuple[int, ...], ...]:
    """Count pixels by true class (first) and predicted class, where the truth is known."""
    known = truth != IGNORED
    pairs = n_classes * truth[known].astype(np.int64) + found[known]
    counts = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    return tuple(tuple(row) for row in counts.tolist())


def score_objects(found: np.ndarray, labels: np.ndarray) -> Objects:
    """Match the 4-connected components of what is not background with the true objects."""
    objects = label(found > 0, connectivity=1)
    (at_half,) = average_precision(objects, labels, thresholds=(0.5,))
    pairs = match_objects(objects, labels)
    covered = float(pairs.iou[pairs.coverage > 0.5].sum())  # SEG is this over the true objects
    return Objects(pairs.n_truth, pairs.n_prediction, at_half.true_positives, covered)


def score_membranes(
    probability: np.ndarray, truth: np.ndarray
) -> dict[str, tuple[float, ...] | None]:
    """Score a membrane map at each of the thresholds.

    A score that the truth does not allow, such as any of regions where all is membrane, is
    ``None``.

    Parameters
    ----------
    probability
        (Y, X) float, of membrane.
    truth
        (Y, X) bool, membrane.
    """
    thin_truth, truth_as_is = membrane_segments(truth), membrane_segments(truth, thin=False)

    def scores(membrane: np.ndarray) -> tuple[float, ...]:
        thin = membrane_segments(membrane)
        return (
            pixel_error(membrane, truth),
            rand_error(membrane_segments(membrane, thin=False), truth_as_is),
            v_rand(thin, thin_truth).score,
            v_info(thin, thin_truth).score,
            warping_error(~membrane, ~truth),
        )

    table = [scores(probability > threshold) for threshold in THRESHOLDS]
    columns = zip(MEMBRANE_SCORES, zip(*table, strict=True), strict=True)
    return {name: _known(values) for name, values in columns}


def _known(values: tuple[float, ...]) -> tuple[float, ...] | None:
    return None if np.isnan(values).any() else tuple(map(float, values))
