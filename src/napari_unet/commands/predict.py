"""``napari-unet predict``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from napari_unet.commands.info import dimensions_text
from napari_unet.core.batch.plan import (
    BatchOptions,
    Candidate,
    OpenFile,
    PlannedItem,
    plan_items,
)
from napari_unet.core.events import Notice
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.folders import make_folder
from napari_unet.core.io.result import Saved
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.segmentation.measure_pieces import check_measure, measurements_path
from napari_unet.core.segmentation.result_paths import stem_of
from napari_unet.core.segmentation.segment import segment
from napari_unet.core.sharing.load_model import load_model
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
        :func:`napari_unet.core.prediction.test_time_augmentation.predict_orientations`.
    measure
        Whether to measure the objects into ``NAME_instances.csv``.

    Raises
    ------
    UserError
        With what is wrong and what to do.
    """
    model = load_model(model_path)
    if model.header.network.ndim == 3:
        print(f"dimensions {dimensions_text(model.header)}")
    options = BatchOptions(save=tuple(save), level=0, overwrite=True, tile=tile, measure=measure)
    items = _planned(model, images, output, options)
    make_folder(output)
    with tqdm(total=len(items), desc="segmenting", unit="image") as bar:
        for item in items:
            for sentence in item.sentences:
                tqdm.write(f"{item.name}: {sentence}")
            with item.candidate.open() as source, _about(item.name):
                segment_with_bar(
                    model,
                    source,
                    item.outputs,
                    bar,
                    tile=tile,
                    device=device,
                    average_rotations=average_rotations,
                    measure=measure,
                )


def _planned(
    model: Model, images: Sequence[Path], output: Path, options: BatchOptions
) -> tuple[PlannedItem, ...]:
    """Look at all images before the first one is segmented; refuse all if one cannot be."""
    check_measure(options.save, measure=options.measure)
    stems = Counter(stem_of(path) for path in images)
    twice = [name for name, count in stems.items() if count > 1]
    if twice:
        raise InvalidInput(
            f"several images are called {twice[0]}, so their results would overwrite each other; "
            "segment them into different folders."
        )
    channels = model.header.network.in_channels
    candidates = (
        Candidate(str(path), Path(stem_of(path)), OpenFile(path, None, channels)) for path in images
    )
    items = plan_items(candidates, model, output, options).items
    for item in items:
        if item.action == "refused":
            said = " ".join(item.sentences)
            raise InvalidInput(said if item.name in said else f"{item.name}: {said}")
    return items


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
def _about(name: str) -> Iterator[None]:
    """Say which image an error is about."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from None
