"""A project as a script that repeats its training and prediction, and as a methods paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.config import TrainSettings
from napari_unet.core.files import make_folder
from napari_unet.core.header import ModelHeader, TrainingRecord, header_of, installed_versions
from napari_unet.core.methods_text import methods_paragraph
from napari_unet.core.project import open_project, read_version
from napari_unet.core.project_files import model_path, plane_path
from napari_unet.core.project_index import ImageEntry, ProjectIndex, UsedPlane, VersionEntry
from napari_unet.core.writing import write_whole
from napari_unet.errors import InvalidInput

SCRIPT_NAME = "reproduce.py"
METHODS_NAME = "methods.md"


@dataclass(frozen=True)
class Reproduction:
    """What was written, the text of the paragraph, and what to know about the script."""

    script: Path
    paragraph: Path
    methods: str
    notes: tuple[str, ...]


def write_reproduction(project: Path, output: Path) -> Reproduction:
    """Write a script that trains and predicts again, and a paragraph for a methods section.

    The script uses the public API alone. It trains every version that led to the one in use, in
    their order, each on the strokes that it was trained on, with its settings and seed and as many
    steps; then it segments the images of the project.

    Parameters
    ----------
    project
        A project folder with a version in use.
    output
        Folder for ``reproduce.py`` and ``methods.md``; made where it is missing.

    Raises
    ------
    UserError
        The project cannot be opened or has no version, or a file of it is missing.
    """
    opened = open_project(project)
    index = opened.index
    if index.in_use is None:
        raise InvalidInput(
            f"no model is in use in {project}, so there is nothing to reproduce; open the project "
            "and choose a version."
        )
    chain = lineage(index, index.in_use)
    headers = {
        entry.number: header_of(read_version(project, index, entry.number)) for entry in chain
    }
    script = _script(project.absolute(), index, chain, headers)
    methods = methods_paragraph(index, chain, headers)
    make_folder(output)
    write_whole(output / SCRIPT_NAME, script.encode())
    write_whole(output / METHODS_NAME, (methods + "\n").encode())
    notes = tuple(_notes(index, chain, headers))
    return Reproduction(output / SCRIPT_NAME, output / METHODS_NAME, methods, notes)


def lineage(index: ProjectIndex, number: int) -> tuple[VersionEntry, ...]:
    """Return a version and those that it was trained on from, the oldest first.

    Raises
    ------
    InvalidInput
        One of them is not in the project.
    """
    chain: list[VersionEntry] = []
    at: int | None = number
    while at is not None:
        entry = index.version(at)
        if any(entry is known for known in chain):
            raise InvalidInput(
                f"version {at} is said to come from itself; take another copy of project.json."
            )
        chain.insert(0, entry)
        at = entry.parent
    return tuple(chain)


def _notes(
    index: ProjectIndex, chain: tuple[VersionEntry, ...], headers: dict[int, ModelHeader]
) -> Iterator[str]:
    for image in index.images:
        if image.path is None:
            yield (
                f"the image {image.name!r} was only in memory; save it as TIFF and enter its path "
                "in IMAGES of the script."
            )
    if any(entry.kind == "live" for entry in chain):
        yield (
            "Live learns from strokes in the order of painting, which is not recorded; the script "
            "gives it all strokes at once, so its model comes out alike, not the same."
        )
    if any(record.settings.get("steps") is None for record in _records(chain, headers)):
        yield (
            "a training was limited by time; the script makes as many steps, but the learning "
            "rate then falls by steps instead of seconds, so the model comes out alike, not the "
            "same."
        )


def _records(
    chain: tuple[VersionEntry, ...], headers: dict[int, ModelHeader]
) -> list[TrainingRecord]:
    trained = [headers[entry.number] for entry in chain if entry.kind == "train"]
    return [header.history[-1] for header in trained if header.history]


def _script(
    project: Path,
    index: ProjectIndex,
    chain: tuple[VersionEntry, ...],
    headers: dict[int, ModelHeader],
) -> str:
    images = {image.key: image for image in index.images}
    used = [plane for entry in chain for plane in entry.planes]
    image_of = {layer.key: layer.image for layer in index.annotations}
    missing = sorted({p.annotation for p in used if image_of.get(p.annotation) is None})
    if missing:
        raise InvalidInput(
            f"it is not known which image the strokes {', '.join(missing)} were painted on; open "
            "the project, open the image, and train once more."
        )
    parts = [
        _HEAD.format(program=installed_versions()["napari-unet"], project=str(project)),
        "IMAGES = {\n" + "".join(_image_line(image) for image in images.values()) + "}\n",
        _FUNCTIONS,
    ]
    for entry in chain:
        parts.append(_step(project, entry, headers[entry.number], image_of))
    parts.append(_TAIL)
    return "\n".join(parts)


def _image_line(image: ImageEntry) -> str:
    return f"    {image.key!r}: {(image.path or '')!r},  # {image.name!r}\n"


def _step(
    project: Path, entry: VersionEntry, header: ModelHeader, image_of: dict[str, str | None]
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
    if header.pixel_size is not None and len(header.pixel_size) == 2:
        options |= {"pixel_size": header.pixel_size, "pixel_unit": header.pixel_unit}
    start = "None" if entry.parent is None else "model"
    classes = "".join(
        f"        nu.ClassInfo(id={x.id!r}, name={x.name!r}, color={x.color!r}),\n"
        for x in header.classes
    )
    given = "".join(f"    {name}={value!r},\n" for name, value in options.items())
    lines += ["model = train(", "    planes,", f"    model={start},"]
    lines += [f"    classes=[\n{classes}    ],", f"{given})\n"]
    return "\n".join(lines)


def _plane_line(project: Path, plane: UsedPlane, image_of: dict[str, str | None]) -> str:
    path = plane_path(project, plane.annotation, plane.index, plane.digest)
    name = path.relative_to(project).as_posix()
    return f"    ({image_of[plane.annotation]!r}, {plane.index!r}, {name!r}),\n"


_HEAD = '''"""Repeats the training and the prediction of a project of napari-unet {program}.

``python reproduce.py`` writes ``model.unet`` and ``NAME_labels.tif`` of each image beside itself.
"""

from pathlib import Path

import numpy as np
import tifffile

import napari_unet as nu

PROJECT = Path({project!r})
OUTPUT = Path(__file__).parent

# The images by their key in the project; enter where they are now.'''

_FUNCTIONS = '''
seen = {}  # the strokes of each plane at the training before


def image_of(key):
    """Read an image: (..., row, column), with RGB's channels at the end."""
    if not IMAGES[key]:
        raise SystemExit(f"Save image {key} as TIFF and enter its path in IMAGES.")
    return nu.read_image(IMAGES[key])


def read(planes):
    """Return images and strokes of planes: (key of the image, index of the plane, file)."""
    images = {key: image_of(key) for key, _, _ in planes}
    strokes = [np.load(PROJECT / name)["labels"] for _, _, name in planes]
    return [images[key][index] for key, index, _ in planes], strokes


def train(planes, **settings):
    """Train; strokes that are new since the training before are looked at more often."""
    images, strokes = read(planes)
    newest = []
    for (_, index, name), labels in zip(planes, strokes):
        place = Path(name).parent, index
        before = seen.get(place, np.zeros_like(labels))
        newest.append((labels != before) & (labels != 0))
        seen[place] = labels
    return nu.train(images, strokes, newest=newest, **settings)


def live(planes, *, seconds, seed):
    """Learn from all strokes at once, as Live does from one after the other."""
    images, strokes = read(planes)
    trainer = nu.LiveTrainer(images, seed=seed)
    for number, labels in enumerate(strokes):
        trainer.set_labels(number, labels)
    trainer.run(seconds)
    return trainer.model()

'''

_TAIL = """model.save(OUTPUT / "model.unet")
for key, path in IMAGES.items():
    classes = nu.predict(model, image_of(key))
    tifffile.imwrite(OUTPUT / f"{Path(path).stem}_labels.tif", classes, compression="zlib")
"""
