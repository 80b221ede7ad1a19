"""The text of a script that repeats the trainings and predictions of a project.

Everything that a project says goes into it as a literal (``repr``), since a project may come from
somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_unet.core.models.header import ModelHeader, installed_versions
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.project.files import model_path, plane_path
from napari_unet.project.index import ImageEntry, ProjectIndex, UsedPlane, VersionEntry

_UNNAMED = {2: "YX", 3: "ZYX", 4: "TZYX"}


def script_of(
    project: Path,
    index: ProjectIndex,
    chain: Sequence[VersionEntry],
    headers: Mapping[int, ModelHeader],
) -> str:
    """Return the script.

    Parameters
    ----------
    project
        The project folder.
    index
        What is in it.
    chain
        The versions to train, the oldest first.
    headers
        What each of them says of itself, by number.

    Raises
    ------
    InvalidInput
        It is not known on which image some of the strokes were painted.
    """
    painted_on = {layer.key: layer.image for layer in index.annotations}
    images = {image.key: image for image in index.images}
    used = [plane for entry in chain for plane in entry.planes]
    missing = sorted({p.annotation for p in used if painted_on.get(p.annotation) not in images})
    if missing:
        raise InvalidInput(
            f"it is not known which image the strokes {', '.join(missing)} were painted on; open "
            "the project, open the image, and train once more."
        )
    image_of = {key: images[image] for key, image in painted_on.items() if image in images}
    segmented = [image.key for image in image_of.values()]
    tables = [_table("IMAGES", {x.key: x.path or "" for x in images.values()})]
    tables.append("# Axes, level of a pyramid, and channels: of which image, and its number there.")
    tables.append(_table("TAKEN", {x.key: _taken(x, images) for x in images.values()}))
    tables.append(f"SEGMENTED = {sorted(set(segmented))!r}\n")
    return "\n".join(
        [
            _HEAD.format(program=installed_versions()["napari-unet-live"], project=str(project)),
            *tables,
            _FUNCTIONS,
            *(_step(project, entry, headers[entry.number], image_of) for entry in chain),
            _TAIL,
        ]
    )


def _table(name: str, rows: Mapping[str, object]) -> str:
    return f"{name} = {{\n" + "".join(f"    {k!r}: {v!r},\n" for k, v in rows.items()) + "}"


def axes_of(image: ImageEntry) -> str:
    """Return the axes of an image, guessed by their number where they were not named."""
    if image.axes is not None and len(image.axes) == len(image.shape):
        return image.axes
    axes = _UNNAMED.get(len(image.shape) - image.rgb, "")
    if not axes:
        raise InvalidInput(
            f"the axes of the image {image.name!r} are not known; open the project, choose them, "
            "and train once more."
        )
    return axes + "S" * image.rgb


def _taken(image: ImageEntry, images: Mapping[str, ImageEntry]) -> tuple[str, int, list]:
    sizes = dict(zip(axes_of(image), image.shape, strict=True))
    own = sizes.get("C", 1) * min(sizes.get("S", 1), 3)
    channels = image.channels or tuple((image.key, number) for number in range(own))
    missing = sorted({key for key, _ in channels if key not in images})
    if missing:
        raise InvalidInput(
            f"an image that lent channels to {image.name!r} is not in the project; open the "
            "project, check the channels, and train once more."
        )
    return axes_of(image), image.level, [tuple(place) for place in channels]


def _step(
    project: Path, entry: VersionEntry, header: ModelHeader, image_of: Mapping[str, ImageEntry]
) -> str:
    title = f"# Version {entry.number}, {entry.made:%Y-%m-%d %H:%M} UTC"
    if entry.kind == "opened":
        path = model_path(project, entry).relative_to(project).as_posix()
        return f"{title}: was opened from a file\nmodel = nu.load_model(PROJECT / {path!r})\n"
    planes = "".join(_plane_line(project, plane, image_of) for plane in entry.planes)
    lines = [title, "planes = [\n" + planes + "]"]
    record = header.history[-1]
    if entry.kind == "live":
        seed = record.settings.get("seed", 0)
        lines.append(f"model = live(planes, seconds={record.seconds!r}, seed={seed!r})\n")
        return "\n".join(lines)
    options: dict[str, object] = {
        name: record.settings[name]
        for name in TrainSettings.model_fields  # the file may name anything
        if record.settings.get(name) is not None and name not in ("seconds", "steps")
    }
    options["steps"] = record.steps
    if header.pixel_size is not None and header.network.ndim == 2:
        options["pixel_size"] = header.pixel_size
    if header.pixel_unit is not None:
        options["pixel_unit"] = header.pixel_unit
    start = "None" if entry.parent is None else "model"
    classes = "".join(
        f"        nu.ClassInfo(id={x.id!r}, name={x.name!r}, color={x.color!r}),\n"
        for x in header.classes
    )
    given = "".join(f"    {name}={value!r},\n" for name, value in options.items())
    lines += ["model = train(", "    planes,", f"    model={start},"]
    lines += [f"    classes=[\n{classes}    ],", f"{given})\n"]
    return "\n".join(lines)


def _plane_line(project: Path, plane: UsedPlane, image_of: Mapping[str, ImageEntry]) -> str:
    image = image_of[plane.annotation]
    path = plane_path(project, plane.annotation, plane.index, plane.digest, plane.at)
    painted = axes_of(image).removesuffix("S").removeprefix("C")[:-2]
    index = tuple(
        place for letter, place in zip(painted, plane.index, strict=False) if letter != "C"
    )
    name = path.relative_to(project).as_posix()
    return f"    ({image.key!r}, {index!r}, {plane.at!r}, {name!r}),\n"


_HEAD = '''"""Repeats the training and the prediction of a project of napari-unet {program}.

``python reproduce.py`` writes ``model.unet`` beside itself, and ``KEY_NAME_labels.tif`` of each
image that was painted on.
"""

from functools import cache
from pathlib import Path

import numpy as np
import tifffile

import napari_unet as nu

PROJECT = Path({project!r})
OUTPUT = Path(__file__).parent

# The images by their key in the project; enter where they are now.'''

_FUNCTIONS = '''
seen = {}  # the strokes of each plane at the training before


@cache
def image_of(key, level):
    """Read an image as it is stored."""
    if not IMAGES[key]:
        raise SystemExit(f"Save image {key} as TIFF and enter its path in IMAGES.")
    return nu.read_image(IMAGES[key], level)


def lead_of(key):
    """Return the numbers of time points and slices, in the order of the image."""
    axes, level, _ = TAKEN[key]
    sizes = dict(zip(axes, image_of(key, level).shape))
    return tuple(sizes[axis] for axis in axes if axis in "TZ")


def plane_of(key, index):
    """Return a plane, (channel, row, column), with the channels that were chosen."""
    return np.stack([channel_of(*place, index, TAKEN[key][1]) for place in TAKEN[key][2]])


def channel_of(key, channel, index, level):
    """Return one channel of a plane, (row, column)."""
    axes = TAKEN[key][0]
    image = image_of(key, level)
    samples = min(image.shape[-1], 3) if "S" in axes else 1
    where = dict(zip((axis for axis in axes if axis in "TZ"), index))
    where |= {"C": channel // samples, "S": channel % samples}
    plane = image[tuple(where.get(axis, slice(None)) for axis in axes)]
    return plane if axes.index("Y") < axes.index("X") else plane.T


def volume_of(key, index):
    """Return the volume of a plane, (channel, slice, row, column)."""
    at = slice_axis(key)
    places = [(*index[:at], z, *index[at + 1 :]) for z in range(lead_of(key)[at])]
    return np.stack([plane_of(key, place) for place in places], axis=1)


def slice_axis(key):
    """Return which number of an index is the slice's."""
    return [axis for axis in TAKEN[key][0] if axis in "TZ"].index("Z")


def read(planes, dimensions):
    """Return images and strokes of planes, or of the volumes that they lie in, by their place."""
    images, strokes = {}, {}
    for key, index, (row, column), name in planes:  # image, plane, part of it, file of strokes
        labels = np.load(PROJECT / name)["labels"]
        rows, columns = labels.shape
        place, piece, within = (Path(name).parent, index), plane_of, ()
        if dimensions == 3:
            at = slice_axis(key)
            place, piece = (Path(name).parent, (*index[:at], None, *index[at + 1 :])), volume_of
            within = (index[at],)
        if place not in images:
            images[place] = piece(key, index)
            strokes[place] = np.zeros(images[place].shape[1:], labels.dtype)
        strokes[place][(*within, slice(row, row + rows), slice(column, column + columns))] = labels
    return images, strokes


def train(planes, dimensions=2, **settings):
    """Train; strokes that are new since the training before are looked at more often."""
    images, strokes = read(planes, dimensions)
    newest = []
    for place, labels in strokes.items():
        before = seen.get(place, np.zeros_like(labels))
        newest.append((labels != before) & (labels != 0))
    seen.update(strokes)
    settings |= {"dimensions": dimensions, "newest": newest}
    if dimensions == 2:  # a stroke across planes is one
        settings["places"] = list(strokes)
    return nu.train(list(images.values()), list(strokes.values()), **settings)


def live(planes, *, seconds, seed):
    """Learn from all strokes at once, as Live does from one after the other."""
    images, strokes = read(planes, 2)
    trainer = nu.LiveTrainer(list(images.values()), seed=seed)
    for number, labels in enumerate(strokes.values()):
        trainer.set_labels(number, labels)
    trainer.run(seconds)
    return trainer.model()


def segment(model, key):
    """Segment all of an image: (time point, slice, row, column), as far as it has them."""
    lead = list(lead_of(key))
    read_piece, at = plane_of, None
    if model.header.network.ndim == 3:
        read_piece, at = volume_of, slice_axis(key)
        slices, lead[at] = lead[at], 1
    pieces = [read_piece(key, index) for index in np.ndindex(*lead)]
    classes = [nu.predict(model, piece[0] if len(piece) == 1 else piece) for piece in pieces]
    if at is None:
        return np.reshape(classes, (*lead, *classes[0].shape))
    piled = np.reshape(classes, (*lead, slices, *classes[0].shape[1:]))
    return np.moveaxis(piled, len(lead), at + 1).squeeze(at)

'''

_TAIL = """model.save(OUTPUT / "model.unet")
for key in SEGMENTED:
    path = OUTPUT / f"{key}_{Path(IMAGES[key]).stem}_labels.tif"
    tifffile.imwrite(path, segment(model, key), compression="zlib")
"""
