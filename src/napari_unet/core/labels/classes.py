"""What the ids in a label array mean."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LabelKind = Literal["scribbles", "classes", "instances"]
LABEL_KINDS: tuple[LabelKind, ...] = ("scribbles", "classes", "instances")

BACKGROUND = 1

# Okabe and Ito's colours, which people with any form of colour blindness can tell apart.
PALETTE = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00", "#000000")


class ClassInfo(BaseModel):
    """A class: the id it is painted with, its name and its colour.

    Attributes
    ----------
    id : int
        Value in label arrays and predictions.
    name : str
        Name shown to people.
    color : str
        ``#RRGGBB``.
    """

    model_config = ConfigDict(frozen=True)

    id: int = Field(ge=0, le=65535)
    name: str = Field(min_length=1, max_length=200)
    color: str = Field(pattern=r"^#[0-9A-Fa-f]{6}$")


def default_color(class_id: int) -> str:
    """Return the palette's colour (``#RRGGBB``) of a class id, 1 (background) first."""
    return PALETTE[(class_id - 1) % len(PALETTE)]


def background_id(kind: LabelKind) -> int:
    """Return the id of the background in predictions of a model trained on labels of that kind."""
    return BACKGROUND if kind == "scribbles" else 0


def default_name(class_id: int, kind: LabelKind) -> str:
    """Return the name a class has until somebody names it."""
    if class_id == background_id(kind):
        return "background"
    if kind == "instances":
        return "object"
    return f"class {class_id}"


def describe_classes(
    ids: Iterable[int], kind: LabelKind, known: Iterable[ClassInfo] = ()
) -> tuple[ClassInfo, ...]:
    """Name and colour class ids, in ascending order of id.

    The kind of the labels decides which id is the background. Classes that are known keep their
    names and colours; the others get the default ones.
    """
    given = {entry.id: entry for entry in known}
    return tuple(
        given.get(i) or ClassInfo(id=i, name=default_name(i, kind), color=default_color(i))
        for i in sorted(set(ids))
    )
