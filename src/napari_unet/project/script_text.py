"""The text of a script that repeats the trainings and predictions of a project.

It is ``script_template.py``, with what the project says filled in and its trainings appended.
Everything that a project says goes into it as a literal (``repr``), since a project may come from
somebody else.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from napari_unet import __version__
from napari_unet.core.models.header import ModelHeader
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

    ``chain`` is the versions to train, the oldest first. ``InvalidInput`` if it is not known on
    which image some of the strokes were painted.
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
    given = {
        "PROJECT": f"Path({str(project)!r})",
        "IMAGES": _table({image.key: image.path or "" for image in images.values()}),
        "TAKEN": _table({image.key: _taken(image, images) for image in images.values()}),
        "SEGMENTED": repr(sorted(set(segmented))),
    }
    text = files("napari_unet.project").joinpath("script_template.py").read_text("utf-8")
    for name, value in given.items():  # a function, since backslashes mean something in a text
        text = re.sub(rf"^({name}\b.* = ).*", partial(_filled, value), text, flags=re.MULTILINE)
    steps = [_step(project, entry, headers[entry.number], image_of) for entry in chain]
    return "\n".join(
        [f"# Written by napari-unet {__version__}.", text, "", *steps, "write(model)\n"]
    )


def _filled(value: str, line: re.Match[str]) -> str:
    return line[1] + value


def _table(rows: Mapping[str, object]) -> str:
    return "{\n" + "".join(f"    {key!r}: {value!r},\n" for key, value in rows.items()) + "}"


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
