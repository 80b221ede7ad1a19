"""A project as a script that repeats its training and prediction, and as a methods paragraph."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.io.atomic import make_folder, write_whole
from napari_unet.core.models.header import ModelHeader, TrainingRecord, header_of
from napari_unet.errors import InvalidInput
from napari_unet.project.index import ProjectIndex, VersionEntry
from napari_unet.project.methods_text import methods_paragraph
from napari_unet.project.open_project import open_project, read_version
from napari_unet.project.script_text import script_of

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
    steps; then it segments the images of the project. ``UserError`` if the project cannot be opened
    or has no version, or a file of it is missing.
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
    script = script_of(project.absolute(), index, chain, headers)
    methods = methods_paragraph(index, chain, headers)
    make_folder(output)
    write_whole(output / SCRIPT_NAME, script.encode())
    write_whole(output / METHODS_NAME, (methods + "\n").encode())
    notes = tuple(_notes(index, chain, headers))
    return Reproduction(output / SCRIPT_NAME, output / METHODS_NAME, methods, notes)


def lineage(index: ProjectIndex, number: int) -> tuple[VersionEntry, ...]:
    """Return a version and those that it was trained on from, the oldest first.

    ``InvalidInput`` if one of them is not in the project.
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
