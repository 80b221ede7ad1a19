"""Writing a project folder: only what changed, and the index last, so that a save is whole."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from napari_unet.core.io.atomic import remove_left_overs, write_whole
from napari_unet.core.io.fingerprint import Identity, identify_array, identify_file
from napari_unet.errors import UnreadableFile, UnwritableOutput
from napari_unet.project.changes import Changes, Facts, NewVersion, PlaneStrokes
from napari_unet.project.files import (
    INDEX_NAME,
    PREVIOUS_NAME,
    StoredPlane,
    check_inside,
    digest_of,
    files_of,
    folder_beside,
    model_path,
    path_beside,
    plane_bytes,
    plane_digest,
    plane_path,
)
from napari_unet.project.index import (
    AnnotationEntry,
    ImageEntry,
    PlaneEntry,
    ProjectIndex,
    UsedPlane,
    VersionEntry,
)
from napari_unet.project.open_project import OpenedProject


class ProjectStore:
    """A project folder that is written to; used by one thread at a time.

    What a save adds goes into new files; then ``project.json`` is replaced, and that moment the
    save has happened. The index before stays as ``project.previous.json``, with all its files, for
    as long as one more save.
    ``data`` are the bytes of its index, ``None`` if it has none yet; files that are ``spared`` are
    never removed.
    """

    def __init__(
        self,
        folder: Path,
        index: ProjectIndex,
        data: bytes | None,
        before: ProjectIndex | None = None,
        spared: frozenset[Path] = frozenset(),
    ) -> None:
        self.folder = folder
        self.index = index
        self._data = data
        self._before = before
        self._spared = spared
        self._identities: dict[tuple[str, int], Identity] = {}

    @classmethod
    def create(cls, folder: Path) -> ProjectStore:
        """Make a new project in a folder that is empty or not there; nothing is overwritten.

        ``UnwritableOutput`` if there are files in it, or it cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise UnwritableOutput(
                    f"the folder {folder} holds other files; choose an empty one or a new name."
                )
        except OSError as error:
            if isinstance(error, UnwritableOutput):
                raise
            raise UnwritableOutput(
                f"the folder {folder} cannot be made ({error.strerror}); choose another."
            ) from None
        return cls(folder, ProjectIndex(), None)

    @classmethod
    def of(cls, opened: OpenedProject) -> ProjectStore:
        """Go on with an opened project; ``UnwritableOutput`` if it was opened as a copy."""
        if not opened.attached:
            raise UnwritableOutput(
                f"{opened.folder} was opened as a copy; choose another folder to save it to."
            )
        for layer in opened.index.annotations:
            remove_left_overs(plane_path(opened.folder, layer.key, (), "").parent)
        for entry in opened.index.versions[:1]:
            remove_left_overs(model_path(opened.folder, entry).parent)
        return cls(opened.folder, opened.index, opened.data, opened.before, opened.spared)

    def commit(self, changes: Changes) -> ProjectIndex:
        """Save changes: all of them, or none.

        ``UnwritableOutput`` if it cannot be written, or somebody else changed the project; all is
        as before.
        """
        self._check_unchanged()
        index = self.index
        if changes.facts is not None:
            index = self._with_facts(index, changes.facts)
        for plane in changes.planes:
            index = self._with_plane(index, plane)
        for new in changes.versions:
            index = self._with_version(index, new)
        if changes.facts is not None:
            index = _tidied(index)
        if index != self.index or self._data is None:
            self.adopt(index.model_copy(update={"saved": datetime.now(UTC)}))
        return self.index

    def _check_unchanged(self) -> None:
        path = self.folder / INDEX_NAME
        try:
            found = path.read_bytes() if path.exists() else None
        except OSError as error:
            raise UnwritableOutput(
                f"{path} cannot be read ({error.strerror}); choose Save as… and another folder."
            ) from None
        if not self.folder.is_dir():
            raise UnwritableOutput(
                f"the folder {self.folder} is gone; choose Save as… and another folder."
            )
        if found != self._data:
            raise UnwritableOutput(
                f"{path} was changed by somebody else, so nothing is written over it; choose "
                "Save as… and another folder."
            )

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file that is named by its content; it is there already if it is there."""
        try:
            check_inside(self.folder, path)
            path.parent.mkdir(parents=True, exist_ok=True)
        except UnreadableFile as error:
            raise UnwritableOutput(str(error)) from None
        except OSError as error:
            raise UnwritableOutput(
                f"the folder {path.parent} cannot be made ({error.strerror}); choose Save as… and "
                "another folder."
            ) from None
        if path in self._spared or not path.is_file() or path.stat().st_size != len(data):
            write_whole(path, data)

    def _write_plane(self, entry: AnnotationEntry, strokes: PlaneStrokes) -> str:
        plane = StoredPlane(strokes.index, entry.shape, strokes.labels, strokes.at)
        digest = plane_digest(plane)
        path = plane_path(self.folder, entry.key, plane.index, digest, plane.at)
        if path in self._spared or not path.is_file():
            self._write(path, plane_bytes(plane))
        return digest

    def _with_facts(self, index: ProjectIndex, facts: Facts) -> ProjectIndex:
        images = {image.key: image for image in index.images}
        for image in facts.images:
            images[image.key] = self._identified(image, facts, images.get(image.key))
        layers = {layer.key: layer for layer in index.annotations}
        for layer in facts.annotations:
            known = layers.get(layer.key)
            kept = known.planes if known is not None and known.shape == layer.shape else ()
            layers[layer.key] = layer.model_copy(update={"planes": kept})
        for key in facts.removed & layers.keys():
            layers[key] = layers[key].model_copy(update={"removed": True})
        update = {
            "classes": facts.classes,
            "settings": facts.settings,
            "in_use": facts.in_use,
            "kinds": facts.kinds,
            "images": tuple(images.values()),
            "annotations": tuple(layers.values()),
            "folder": folder_beside(self.folder, facts.folder),
        }
        return index.model_copy(update=update)

    def _identified(self, image: ImageEntry, facts: Facts, known: ImageEntry | None) -> ImageEntry:
        """Return an image with its checksum, which is found once a state of a file."""
        identity = modified = None
        if image.path is not None:
            path = Path(image.path)
            with suppress(OSError):
                modified = path.stat().st_mtime_ns
                key = (image.path, modified)
                if key not in self._identities:
                    self._identities[key] = identify_file(path)
                identity = self._identities[key]
        elif image.key in facts.arrays:
            identity = identify_array(facts.arrays[image.key])
        if identity is None and known is not None and known.path == image.path:
            same = {"size", "checksum", "modified", "beside"}
            return image.model_copy(update=known.model_dump(include=same))
        return image.model_copy(
            update={
                "size": None if identity is None else identity.size,
                "checksum": None if identity is None else identity.checksum,
                "modified": modified,
                "beside": path_beside(self.folder, image.path),
            }
        )

    def _with_plane(self, index: ProjectIndex, strokes: PlaneStrokes) -> ProjectIndex:
        entry = index.annotation(strokes.annotation)
        if not StoredPlane(strokes.index, entry.shape, strokes.labels, strokes.at).fits:
            return index  # the layer got other data meanwhile, whose planes follow
        planes = {(plane.index, plane.at): plane for plane in entry.planes}
        place = strokes.index, strokes.at
        planes.pop(place, None)
        if strokes.labels.any():
            digest = self._write_plane(entry, strokes)
            planes[place] = PlaneEntry(index=strokes.index, at=strokes.at, digest=digest)
        ordered = tuple(planes[place] for place in sorted(planes))
        changed = entry.model_copy(update={"planes": ordered})
        layers = tuple(changed if layer is entry else layer for layer in index.annotations)
        return index.model_copy(update={"annotations": layers})

    def _with_version(self, index: ProjectIndex, new: NewVersion) -> ProjectIndex:
        used = list(new.kept)
        for strokes in new.planes:
            layer = index.annotation(strokes.annotation)
            digest = self._write_plane(layer, strokes)
            used.append(
                UsedPlane(annotation=layer.key, index=strokes.index, at=strokes.at, digest=digest)
            )
        said = new.says
        entry = VersionEntry(
            number=new.number,
            made=new.made,
            kind=new.kind,
            ended=new.ended,
            digest=digest_of(new.model),
            size=len(new.model),
            score=None if said is None else said.score,
            by_class={} if said is None else {i: one.iou for i, one in said.by_class.items()},
            labelled_pixels=0 if said is None else sum(said.labelled_pixels.values()),
            parent=new.parent,
            planes=tuple(used),
        )
        self._write(model_path(self.folder, entry), new.model)
        versions = {old.number: old for old in index.versions} | {entry.number: entry}
        ordered = tuple(versions[number] for number in sorted(versions))
        return index.model_copy(update={"versions": ordered})

    def adopt(self, index: ProjectIndex) -> None:
        """Make this the index, then remove what neither it nor the one before it names."""
        data = index.to_bytes()
        if self._data is not None:
            write_whole(self.folder / PREVIOUS_NAME, self._data)
        write_whole(self.folder / INDEX_NAME, data)
        before, self._before = self._before, self.index if self._data is not None else None
        self.index, self._data = index, data
        if before is not None:
            kept = set(files_of(self.folder, index)) | self._spared
            if self._before is not None:
                kept |= set(files_of(self.folder, self._before))
            for path in set(files_of(self.folder, before)) - kept:
                with suppress(OSError):
                    check_inside(self.folder, path)
                    path.unlink(missing_ok=True)


def _tidied(index: ProjectIndex) -> ProjectIndex:
    """Leave out removed layers that nothing was painted in, and images that nobody painted on."""
    used = {plane.annotation for entry in index.versions for plane in entry.planes}
    layers = [x for x in index.annotations if not x.removed or x.planes or x.key in used]
    painted_on = {layer.image for layer in layers}
    for image in index.images:  # and those that lend it channels
        if image.key in painted_on:
            painted_on = painted_on | {key for key, _ in image.channels}
    images = [image for image in index.images if image.key in painted_on]
    return index.model_copy(update={"annotations": tuple(layers), "images": tuple(images)})
