"""``napari-unet demo``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from napari_unet.commands.predict import segment_with_bar
from napari_unet.commands.train import save_somewhere, train_with_bar
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.folders import make_folder
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.io.result import Saved
from napari_unet.core.labels.classes import BACKGROUND
from napari_unet.core.pictures import overlay, write_curves, write_png
from napari_unet.samples import tissue

SAVED: tuple[Saved, ...] = ("labels", "probabilities")


def run_demo(out: Path, *, seconds: float, seed: int, stop: Callable[[], bool]) -> None:
    """Train on the tissue sample, segment it, and write model, results and pictures.

    Parameters
    ----------
    out
        Folder for the results.
    seconds
        Training time.
    seed
        Seed of every random draw.
    stop
        Asked after each step.

    Raises
    ------
    UserError
        The folder cannot be written to.
    """
    make_folder(out)
    sample = tissue()
    print(
        f"{sample.name}: {np.count_nonzero(sample.strokes)} of {sample.strokes.size} pixels painted"
    )
    trained = train_with_bar(
        [sample.image],
        [sample.strokes],
        classes=sample.classes,
        stop=stop,
        seconds=seconds,
        seed=seed,
    )
    model_path = save_somewhere(trained.model, out / "tissue.unet")
    labels_path, probabilities_path = (out / f"tissue_{what}.tif" for what in SAVED)
    with tqdm(total=1, desc="segmenting", unit="image") as bar:
        segment_with_bar(
            trained.model,
            ImageSource.from_array(sample.image, "YXS", name=sample.name),
            dict(zip(SAVED, (labels_path, probabilities_path), strict=True)),
            bar,
            tile=None,
            device="auto",
        )
    labels = read_labels(labels_path)
    plane = np.moveaxis(sample.image, -1, 0)
    write_png(out / "tissue_overlay.png", overlay(plane, labels, sample.classes, BACKGROUND))
    write_curves(out / "loss.png", trained.steps, trained.scores)
    for entry in sample.classes:
        print(f"  {entry.name}: {(labels == entry.id).mean():.1%} of the image")
    print(f"model          {model_path}")
    print(f"labels         {labels_path}")
    print(f"probabilities  {probabilities_path}")
    print(f"overlay        {out / 'tissue_overlay.png'}")
    print(f"loss curve     {out / 'loss.png'}")
