"""``napari-unet predict``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from napari_unet.commands.info import dimensions_text
from napari_unet.core.config import DeviceName
from napari_unet.core.device import pick_device
from napari_unet.core.events import Notice
from napari_unet.core.files import make_folder
from napari_unet.core.measuring_pieces import (
    check_measure,
    check_measurements_ours,
    measurements_path,
)
from napari_unet.core.model import Model, load_model
from napari_unet.core.pixel_size import slices_said
from napari_unet.core.reading import open_image
from napari_unet.core.result_paths import check_ours, result_path, stem_of
from napari_unet.core.segmenting import Saved, check_channels, segment
from napari_unet.core.source import ImageSource
from napari_unet.errors import InvalidInput


def run_predict(
    model_path: Path,
    images: Sequence[Path],
    output: Path,
    *,
    save: Sequence[Saved],
    tile: int | None,
    device: DeviceName,
    average_rotations: bool = False,
    measure: bool = False,
) -> None:
    """Segment files into a folder: ``NAME_labels.tif``, ``NAME_probabilities.tif`` and so on.

    A result that is too large for TIFF, or whose image is a Zarr, is called ``.ome.zarr``.

    Parameters
    ----------
    model_path, images, output
        Model file, image files, folder for the results.
    save
        ``"labels"``, ``"probabilities"``, ``"instances"`` or several of them.
    tile
        Side of a tile's output in pixels, ``None`` for the fastest known.
    device
        Where to compute.
    average_rotations
        Whether to average over the orientations of each plane, see
        :func:`napari_unet.core.prediction.predict_orientations`.
    measure
        Whether to measure the objects into ``NAME_instances.csv``.

    Raises
    ------
    UserError
        With what is wrong and what to do.
    """
    check_measure(save, measure=measure)
    stems = Counter(stem_of(path) for path in images)
    twice = [name for name, count in stems.items() if count > 1]
    if twice:
        raise InvalidInput(
            f"several images are called {twice[0]}, so their results would overwrite each other; "
            "segment them into different folders."
        )
    model = load_model(model_path)
    channels = model.header.network.in_channels
    if model.header.network.ndim == 3:
        print(f"dimensions {dimensions_text(model.header)}")
    make_folder(output)
    plans = []
    for path in images:
        with open_image(path, channels=channels) as source, _about(path):
            check_channels(model.header, source)
            plans.append({w: result_path(output, stem_of(path), model, source, w) for w in save})
        for target in plans[-1].values():
            check_ours(target)
        if measure:
            check_measurements_ours(plans[-1]["instances"])
    with tqdm(total=len(images), desc="segmenting", unit="image") as bar:
        for path, outputs in zip(images, plans, strict=True):
            with open_image(path, channels=channels) as source, _about(path):
                said = (*source.guesses, slices_said(model.header, source))
                for sentence in filter(None, said):
                    tqdm.write(f"{path}: {sentence}")
                segment_with_bar(
                    model,
                    source,
                    outputs,
                    bar,
                    tile=tile,
                    device=device,
                    average_rotations=average_rotations,
                    measure=measure,
                )


def segment_with_bar(
    model: Model,
    source: ImageSource,
    outputs: Mapping[Saved, Path],
    bar: tqdm,
    *,
    tile: int | None,
    device: DeviceName,
    average_rotations: bool = False,
    measure: bool = False,
) -> None:
    """Segment one image into files; ``bar`` counts images and grows with each tile."""
    before = bar.n
    for event in segment(
        model,
        source,
        outputs,
        device=pick_device(device),
        tile=tile,
        average_rotations=average_rotations,
        measure=measure,
    ):
        if isinstance(event, Notice):
            tqdm.write(event.text)
        else:
            bar.update(before + event.fraction - bar.n)
    bar.n = round(bar.n)
    for path in outputs.values():
        tqdm.write(str(path))
    if measure:
        tqdm.write(str(measurements_path(outputs["instances"])))


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Say which image an error is about."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from None
