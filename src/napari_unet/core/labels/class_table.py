"""Changes to a table of the classes of strokes: each returns a new table."""

from collections.abc import Iterable

from pydantic import ValidationError

from napari_unet.core.labels.classes import ClassInfo, default_color, default_name
from napari_unet.errors import InvalidInput

Classes = tuple[ClassInfo, ...]


def with_ids(classes: Classes, ids: Iterable[int]) -> Classes:
    """Add a class with default name and colour for each positive id that has none, by id."""
    known = {entry.id for entry in classes}
    added = [_default(i) for i in sorted(set(ids) - known) if i > 0]
    return tuple(sorted((*classes, *added), key=lambda entry: entry.id)) if added else classes


def with_another(classes: Classes, name: str | None = None) -> Classes:
    """Append a class with the next free id."""
    entry = _default(max((entry.id for entry in classes), default=0) + 1)
    return (*classes, entry.model_copy(update={"name": name}) if name else entry)


def with_name(classes: Classes, class_id: int, name: str) -> Classes:
    """Rename a class."""
    name = name.strip()
    if not name:
        raise InvalidInput(f"class {class_id} needs a name; type one.")
    return _changed(classes, class_id, name=name)


def with_color(classes: Classes, class_id: int, color: str) -> Classes:
    """Give a class another colour, ``#RRGGBB``."""
    return _changed(classes, class_id, color=color)


def with_those_of(classes: Classes, told: Classes, before: Classes = ()) -> Classes:
    """Take the classes of a model, but keep the names and colours that a user gave.

    ``told`` are the model's, ``before`` those that the last model brought: what is still as it said
    was not given since.
    """
    said = {entry.id: entry for entry in before}
    table = {entry.id: entry for entry in told}
    for entry in classes:
        plain = (said.get(entry.id, _default(entry.id)), _default(entry.id))
        given = {
            name: getattr(entry, name)
            for name in ("name", "color")
            if all(getattr(entry, name) != getattr(other, name) for other in plain)
        }
        if entry.id in table:
            table[entry.id] = table[entry.id].model_copy(update=given)
        elif given:
            table[entry.id] = entry
    return tuple(table[class_id] for class_id in sorted(table))


def _default(class_id: int) -> ClassInfo:
    return ClassInfo(
        id=class_id, name=default_name(class_id, "scribbles"), color=default_color(class_id)
    )


def _changed(classes: Classes, class_id: int, **changes: str) -> Classes:
    if class_id not in {entry.id for entry in classes}:
        raise InvalidInput(f"there is no class {class_id}; add it first.")
    try:
        return tuple(
            ClassInfo(**{**entry.model_dump(), **changes}) if entry.id == class_id else entry
            for entry in classes
        )
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InvalidInput(f"class {class_id} cannot be changed: {reason}.") from None
