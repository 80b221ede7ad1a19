"""``napari-unet demo``."""

from pathlib import Path

import numpy as np

from napari_unet.commands.predict import percent_bar
from napari_unet.commands.train import save_somewhere, train_with_bar
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.io.result import Saved
from napari_unet.core.labels.classes import BACKGROUND
from napari_unet.core.network.device import pick_device
from napari_unet.core.pictures import overlay, write_curves, write_png
from napari_unet.core.segmentation.segment import Segmented, segment
from napari_unet.samples import tissue

SAVED: tuple[Saved, ...] = ("labels", "probabilities")


def run(out: Path, seconds: float, seed: int) -> None:
    """Train on the tissue sample, segment it, and write model, results and pictures."""
    make_folder(out)
    sample = tissue()
    print(
        f"{sample.name}: {np.count_nonzero(sample.strokes)} of {sample.strokes.size} pixels painted"
    )
    trained = train_with_bar(
        [sample.image], [sample.strokes], classes=sample.classes, seconds=seconds, seed=seed
    )
    model_path = save_somewhere(trained.model, out / "tissue.unet")
    labels_path, probabilities_path = (out / f"tissue_{what}.tif" for what in SAVED)
    source = ImageSource.from_array(sample.image, "YXS", name=sample.name)
    places = dict(zip(SAVED, (labels_path, probabilities_path), strict=True))
    with percent_bar() as bar:
        for event in segment(trained.model, source, places, device=pick_device("auto")):
            if isinstance(event, Segmented):
                bar.update(100 * event.fraction - bar.n)
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
