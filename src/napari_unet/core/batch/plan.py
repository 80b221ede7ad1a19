"""What will be done to each image of a batch, said before anything is."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Literal

from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.find_images import OpenFile, find_images, result_names
from napari_unet.core.batch.options import DEFAULT_OPTIONS, BatchOptions
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.units import pixel_size_text, sign
from napari_unet.core.io.optional import needed
from napari_unet.core.io.result import MadeFrom, Saved
from napari_unet.core.io.write_result import read_made_from
from napari_unet.core.prediction.tile_probabilities import Described
from napari_unet.core.segmentation.measure_fields import fields_path
from napari_unet.core.segmentation.measure_pieces import (
    check_table_ours,
    measurements_path,
)
from napari_unet.core.segmentation.model_fit import (
    best_level,
    check_channels,
    order_said,
    resampling,
    slices_said,
    trained_channels,
)
from napari_unet.core.segmentation.provenance import AS_IT_IS, Choices, made_from, why_anew
from napari_unet.core.segmentation.result_paths import check_ours, result_path
from napari_unet.errors import InvalidInput, UnreadableFile, UserError, reason_of

_SAME = (
    "its results are there already, made from the same image, model and options; Overwrite "
    "(--overwrite in the shell) makes them anew."
)
Action = Literal["run", "done", "refused"]


@dataclass(frozen=True)
class PlannedItem:
    """An image of a batch.

    ``"done"``: its results are there. ``group`` is what it shares with others that are not run, for
    the summary; there are no outputs if results stay in memory. Shape, axes and pixel size are
    those of the level that is taken, empty if it could not be opened; ``pixels`` are those that are
    segmented.
    """

    candidate: Candidate
    action: Action
    sentences: tuple[str, ...] = ()
    group: str = ""
    outputs: dict[Saved, Path] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    axes: str = ""
    pixel_size: str = ""
    pixels: int = 0
    choices: Choices = AS_IT_IS

    @property
    def name(self) -> str:
        """What people know the image by."""
        return self.candidate.name


@dataclass(frozen=True)
class BatchPlan:
    """What will be done."""

    items: tuple[PlannedItem, ...]
    options: BatchOptions

    @property
    def to_run(self) -> tuple[PlannedItem, ...]:
        """The items that will be segmented."""
        return tuple(item for item in self.items if item.action == "run")

    @property
    def summary(self) -> str:
        """One sentence: how many will run, and why the others will not."""
        others = Counter(item.group for item in self.items if item.action != "run")
        reasons = "".join(
            f", {count} {group.replace('have', 'has') if count == 1 else group}"
            for group, count in others.most_common()
        )
        return f"{len(self.to_run)} of {len(self.items)} will run{reasons}."


def plan_batch(
    inputs: Sequence[str | os.PathLike[str]],
    model: Described,
    output: Path,
    options: BatchOptions = DEFAULT_OPTIONS,
) -> BatchPlan:
    """Look at each image of a batch, without reading its pixels.

    Refused if there is no image at all; see :func:`napari_unet.core.batch.find_images.find_images`.
    """
    found = find_images(inputs, output)
    if not found:
        raise InvalidInput(
            f"there is no image in {', '.join(map(str, inputs))}; give files or folders with "
            "TIFF, OME-Zarr, PNG, JPEG or npy in them."
        )
    wanted = model.header.network.in_channels if options.channels is None else None
    candidates = (
        Candidate(str(item.path), name, OpenFile(item.path, options.axes, wanted))
        for item, name in zip(found, result_names(found), strict=True)
    )
    return plan_items(candidates, model, output, options)


def plan_items(
    candidates: Iterable[Candidate], model: Described, output: Path | None, options: BatchOptions
) -> BatchPlan:
    """Look at each of some images, without reading its pixels.

    The results' names of the candidates differ. Without an output folder results stay in memory; of
    the options, the axes are the candidates' own affair.
    """
    items = (_planned(candidate, model, output, options) for candidate in candidates)
    return BatchPlan(tuple(items), options)


def _planned(
    candidate: Candidate, model: Described, output: Path | None, options: BatchOptions
) -> PlannedItem:
    try:
        with candidate.open() as source:
            return _described(candidate, output, model, source, options)
    except UnreadableFile as error:
        return PlannedItem(candidate, "refused", (str(error),), "cannot be read")
    except UserError as error:
        return PlannedItem(candidate, "refused", (str(error),), "cannot be segmented")
    except Exception as error:  # each lazy array has its own errors
        said = f"{candidate.name} cannot be read ({reason_of(error)}); take another copy."
        return PlannedItem(candidate, "refused", (said,), "cannot be read")


def _described(
    candidate: Candidate,
    output: Path | None,
    model: Described,
    source: ImageSource,
    options: BatchOptions,
) -> PlannedItem:
    level = options.level if candidate.level is None else candidate.level
    level = best_level(model.header, source) if level is None else level
    source.check_level(level)
    channels = options.channels if candidate.channels is None else candidate.channels
    said_of_channels = None
    if channels is None:
        channels, said_of_channels = trained_channels(model.header, source)
    outputs = {}
    if output is not None:
        target = output / candidate.result
        outputs = {
            what: result_path(target.parent, target.name, model, source, what, level)
            for what in options.save
        }
    units = {axis: sign(unit) or unit for axis, unit in source.units.items()}
    choices = Choices(
        channels, level, average_rotations=options.average_rotations, objects=options.objects
    )
    item = PlannedItem(
        candidate,
        "run",
        outputs=outputs,
        shape=tuple(source.levels[level].shape),
        axes=source.axes,
        pixel_size=pixel_size_text(source.pixel_size_at(level), units),
        pixels=prod(source.sizes(level)[a] for a in (*source.plane_axes, "Y", "X")),
    )
    try:
        check_channels(model.header, source, channels)
    except InvalidInput as error:
        count = source.channels if channels is None else len(channels)
        flat = model.header.network.ndim == 3 and "Z" not in source.axes
        group = "have no slices" if flat else f"have {count} channel{'s' * (count != 1)}"
        return replace(item, action="refused", sentences=(str(error),), group=group)
    for place in outputs.values():
        check_ours(place)
        if place.suffix == ".zarr":
            needed("zarr", "zarr", f"writing the result of {candidate.name} as OME-Zarr")
    expected = list(outputs.values())
    for table, beside in tables_of(outputs, measure=options.measure).items():
        check_table_ours(table, beside)
        expected.append(table)
    factors, said_of_size = resampling(model.header, source, level, wanted=options.resample)
    item = replace(item, choices=replace(choices, factors=factors))
    there = _results_there(item, expected, options)
    said_of_results = None
    if outputs and there and options.overwrite:
        said_of_results = "its results are there already and are made anew."
    elif there:
        now = made_from(model, source, item.choices, options.save)
        reason = why_anew(there, now)
        if outputs and reason is None:
            sentences = (_SAME, *candidate.said())
            return replace(item, action="done", sentences=sentences, group="done already")
        said_of_results = reason and f"{reason}; they are made anew."
    said = (
        said_of_channels,
        order_said(model.header, channels or range(source.channels)),
        said_of_size,
        slices_said(model.header, source, level),
        said_of_results,
        *candidate.said(),
    )
    return replace(item, sentences=(*source.guesses, *filter(None, said)))


def tables_of(outputs: Mapping[Saved, Path], *, measure: bool) -> dict[Path, Path]:
    """Return which tables are written, each with a result that it lies beside."""
    if not (measure and outputs):
        return {}
    first = next(iter(outputs.values()))
    tables = {fields_path(first): first}
    if "instances" in outputs:
        tables[measurements_path(outputs["instances"])] = outputs["instances"]
    return tables


def _results_there(
    item: PlannedItem, expected: Sequence[Path], options: BatchOptions
) -> dict[Saved, MadeFrom | None]:
    """Return what an image's results were made from: its files if all are there, or its layers."""
    if not item.outputs:
        layers = item.candidate.layers
        return {what: layers[what] for what in options.save if what in layers}
    if not all(place.exists() for place in expected):
        return {}
    return {what: read_made_from(place) for what, place in item.outputs.items()}
