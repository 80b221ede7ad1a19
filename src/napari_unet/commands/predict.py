"""``napari-unet predict``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from napari_unet.commands.instances import save_instances
from napari_unet.core.config import DeviceName
from napari_unet.core.device import pick_device
from napari_unet.core.events import Notice
from napari_unet.core.files import make_folder, read_image, read_label_kind, write_tiff
from napari_unet.core.image import planes_for
from napari_unet.core.model import Model, load_model
from napari_unet.core.prediction import TileProbabilities, predict_orientations, predict_tiles
from napari_unet.errors import InvalidInput, UnwritableOutput


def run_predict(
    model_path: Path,
    images: Sequence[Path],
    output: Path,
    *,
    save: Sequence[str],
    tile: int | None,
    device: DeviceName,
    average_rotations: bool = False,
) -> None:
    """Segment files into a folder: ``NAME_labels.tif`` and so on.

    Parameters
    ----------
    model_path, images, output
        Model file, image files, folder for the results.
    save
        ``"labels"``, ``"probabilities"``, ``"instances"``, or several of them.
    tile
        Side of a tile's output in pixels, ``None`` for the fastest known.
    device
        Where to compute.
    average_rotations
        Whether to average over the orientations of each plane, see
        :func:`napari_unet.core.prediction.predict_orientations`.

    Raises
    ------
    UserError
        With what is wrong and what to do.
    """
    twice = [name for name, count in Counter(path.stem for path in images).items() if count > 1]
    if twice:
        raise InvalidInput(
            f"several images are called {twice[0]}, so their results would overwrite each other; "
            "segment them into different folders."
        )
    model = load_model(model_path)
    make_folder(output)
    for path in images:
        for what in save:
            _check_ours(output / f"{path.stem}_{what}.tif")
    with tqdm(total=len(images), desc="segmenting", unit="image") as bar:
        for path in images:
            try:
                image = read_image(path)
                labels, probabilities = predict_with_bar(
                    model,
                    image,
                    bar,
                    tile=tile,
                    device=device,
                    keep="probabilities" in save or "instances" in save,
                    average_rotations=average_rotations,
                )
            except InvalidInput as error:
                raise InvalidInput(f"{path}: {error}") from None
            bar.n = round(bar.n)
            if "labels" in save:
                tqdm.write(str(save_labels(model, labels, output / f"{path.stem}_labels.tif")))
            if probabilities is not None and "instances" in save:
                name = output / f"{path.stem}_instances.tif"
                tqdm.write(str(save_instances(model, probabilities, name)))
            if probabilities is not None and "probabilities" in save:
                name = output / f"{path.stem}_probabilities.tif"
                tqdm.write(str(save_probabilities(model, probabilities, name)))


def _check_ours(path: Path) -> None:
    """Refuse to overwrite what may be somebody's labels; a prediction may be made anew."""
    if path.exists() and read_label_kind(path) is None:
        raise UnwritableOutput(
            f"{path} is there already and is no prediction of napari-unet; move it away or choose "
            "another folder."
        )


def predict_with_bar(
    model: Model,
    image: np.ndarray,
    bar: tqdm,
    *,
    tile: int | None,
    device: DeviceName,
    keep: bool,
    average_rotations: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Segment one image; ``bar`` counts images and grows with each tile.

    Returns
    -------
    tuple
        (..., Y, X) class ids, and (K, ..., Y, X) float32 probabilities if ``keep``.
    """
    planes = planes_for(image, model.header.network.in_channels)
    ids = model.class_ids
    parts_of = predict_orientations if average_rotations else predict_tiles
    shape = planes.data.shape[-2:]
    labels = np.empty((len(planes.data), *shape), dtype=ids.dtype)
    kept = np.empty((len(planes.data), len(ids), *shape), np.float32) if keep else None
    for number, plane in enumerate(planes.data):
        before = 0.0
        for part in parts_of(model, plane, device=pick_device(device), tile=tile):
            if isinstance(part, Notice):
                tqdm.write(part.text)
                continue
            assert isinstance(part, TileProbabilities)  # the only other thing that comes
            labels[number][part.tile.slices] = ids[part.probabilities.argmax(axis=0)]
            if kept is not None:
                kept[number, :, *part.tile.slices] = part.probabilities
            bar.update((part.fraction - before) / len(planes.data))
            before = part.fraction
    return planes.restore(labels), None if kept is None else planes.restore(kept)


def save_labels(model: Model, labels: np.ndarray, path: Path) -> Path:
    """Write class ids as TIFF."""
    write_tiff(
        path,
        labels,
        axes="Q" * (labels.ndim - 2) + "YX",
        kind=model.header.label_kind,
        classes=model.classes,
    )
    return path


def save_probabilities(model: Model, probabilities: np.ndarray, path: Path) -> Path:
    """Write (K, ..., Y, X) probabilities as float32 TIFF, one channel a class."""
    write_tiff(
        path,
        probabilities,
        axes="C" + "Q" * (probabilities.ndim - 3) + "YX",
        kind=model.header.label_kind,
        classes=model.classes,
    )
    return path
