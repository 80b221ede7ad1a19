"""``napari-unet predict``."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from napari_unet.commands.info import dimensions_text
from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.find_images import OpenFile
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import PlannedItem, plan_items, tables_of
from napari_unet.core.batch.run import segment_item
from napari_unet.core.images.intensity import Way
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.result import Saved
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.segmentation.result_paths import stem_of
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import InvalidInput

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def run(
    model: Path,
    images: Sequence[Path],
    output: Path,
    *,
    save: Sequence[Saved],
    device: DeviceName,
    intensities: Way | None,
    min_size: int,
    **options: Any,
) -> None:
    """Segment files into a folder: ``NAME_labels.tif``, ``NAME_probabilities.tif`` and so on.

    A result that is too large for TIFF, or whose image is a Zarr, is called ``.ome.zarr``;
    measurements are ``NAME_instances.csv``. ``options`` are the other fields of
    :class:`napari_unet.core.batch.options.BatchOptions`.
    """
    used = load_model(model).scaled(intensities)
    if used.header.network.ndim == 3:
        print(f"dimensions {dimensions_text(used.header)}")
    objects = InstanceSettings(smallest=min_size)
    chosen = BatchOptions(save=tuple(save), level=0, overwrite=True, objects=objects, **options)
    items = _planned(used, images, output, chosen)
    make_folder(output)
    with percent_bar() as bar:
        for number, item in enumerate(items):
            for sentence in item.sentences:
                tqdm.write(f"{item.name}: {sentence}")
            with _about(item.name):
                for event in segment_item(used, item, chosen, pick_device(device)):
                    if isinstance(event, str):
                        tqdm.write(event)
                    elif isinstance(event, float):
                        bar.update(100 * (number + event) / len(items) - bar.n)
            _say_written(item.outputs, measure=chosen.measure)


def percent_bar() -> tqdm:
    """Return a bar of what is segmented, of 100 in all."""
    return tqdm(total=100, desc="segmenting", unit="%", bar_format=_BAR)


def _say_written(outputs: Mapping[Saved, Path], *, measure: bool) -> None:
    for path in (*outputs.values(), *tables_of(outputs, measure=measure)):
        tqdm.write(str(path))


def _planned(
    model: Model, images: Sequence[Path], output: Path, options: BatchOptions
) -> tuple[PlannedItem, ...]:
    """Look at all images before the first one is segmented; refuse all if one cannot be."""
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


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Say which image an error is about."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from None
