"""A folder that was opened as one layer is again the files that it is made of."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from napari.layers import Image

from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.find_images import by_numbers, unique_names
from napari_unet.core.images.image_source import PLANE_AXES, ImageSource
from napari_unet.core.segmentation.result_paths import safe_stem, stem_of
from napari_unet.errors import UserError
from napari_unet.widgets.layers.file_changes import changes_of
from napari_unet.widgets.layers.picture import picture_of

Chosen = tuple[Image, Candidate]


def candidates_of(images: Sequence[Image], ndim: int, *, by_file: bool) -> tuple[Chosen, ...]:
    """Return layers as candidates of a batch; results are called after them, no two the same.

    To a model of volumes the slices of a stack are one image. ``by_file`` takes a layer that is a
    folder of files, one a plane, as a candidate a file.
    """
    parts = [(image, *part) for image in images for part in _parts(image, ndim, by_file=by_file)]
    names = unique_names([name for _, name, _ in parts])
    return tuple(
        (image, replace(candidate, result=name))
        for (image, _, candidate), name in zip(parts, names, strict=True)
    )


def apart_from(files: Sequence[Candidate], chosen: Sequence[Chosen]) -> tuple[Chosen, ...]:
    """Return layers as candidates whose results are called otherwise than those of files."""
    names = unique_names([x.result for x in (*files, *(candidate for _, candidate in chosen))])
    return tuple(
        (image, replace(candidate, result=name))
        for (image, candidate), name in zip(chosen, names[len(files) :], strict=True)
    )


def _parts(image: Image, ndim: int, *, by_file: bool) -> list[tuple[Path, Candidate]]:
    """Take a layer as it is now; it may be opened in any thread, removed or not."""
    name = Path(safe_stem(image.name))
    try:
        picture = picture_of(image)
    except UserError as error:
        return [(name, Candidate(image.name, name, partial(_refuse, error)))]
    everything = picture.channels == tuple(range(picture.source.channels))
    channels = None if everything else picture.channels
    files = _files_of(image) if by_file and picture.source is picture.own else []
    letter, source = picture.source.axes[0], replace(picture.source, name=image.name)
    apart = letter in PLANE_AXES and not (ndim == 3 and letter == "Z")
    if not apart or len(source.levels) > 1 or len(files) != len(source.levels[0]):
        level, said = picture.level, changes_of(image)
        whole = Candidate(image.name, name, lambda: source, channels, level, said=said)
        return [(name, whole)]
    return [
        (
            Path(safe_stem(stem_of(file))),
            Candidate(
                f"{image.name}: {file.name}",
                name,
                partial(_plane_of, source, number, file),
                channels,
                picture.level,
                said=changes_of(image, file),
            ),
        )
        for number, file in enumerate(files)
    ]


def _files_of(image: Image) -> list[Path]:
    """Return the files of the folder that a layer was opened from, in napari's order."""
    path = image.source.path
    if path is None or not os.path.isdir(path):
        return []
    files = (file for file in Path(path).glob("*.*") if not file.is_dir())
    return sorted(files, key=by_numbers)


def _plane_of(source: ImageSource, number: int, file: Path) -> ImageSource:
    """Return what one file gave, without the axis that napari put the files along."""
    letter = source.axes[0]
    sizes = {axis: size for axis, size in source.pixel_size.items() if axis != letter}
    return replace(
        source,
        levels=(source.levels[0][number],),
        axes=source.axes[1:],
        pixel_size=sizes,
        units={axis: unit for axis, unit in source.units.items() if axis in sizes},
        name=file.name,
        guesses=(),
        file=source.file and file,
    )


def _refuse(error: UserError) -> ImageSource:
    raise error
