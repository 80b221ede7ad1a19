"""What the entries of a project have in common, and small parts of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=4096)]
At = Annotated[int, Field(ge=0, le=2**31)]
"""An index along an axis."""
Number = Annotated[float, Field(allow_inf_nan=False)]


class Entry(BaseModel):
    """What cannot be changed, and has no entries that this version does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Placement(Entry):
    """Where a layer lies in the world, as a viewer has it: one number, or word, an axis."""

    scale: tuple[Number, ...]
    translate: tuple[Number, ...]
    rotate: tuple[tuple[Number, ...], ...]
    shear: tuple[Number, ...]
    affine: tuple[tuple[Number, ...], ...]
    units: tuple[Text, ...]
    axis_labels: tuple[Text, ...]


class CellsEntry(Entry):
    """What is known of a layer of cells that somebody corrected.

    ``ndim``: 2 if they were found plane by plane, 3 volume by volume. ``corrected``: the places
    that were corrected: an index along each axis before row and column, ``None`` along the slices
    of a volume.
    """

    ndim: Literal[2, 3]
    corrected: tuple[tuple[At | None, ...], ...]


class FolderEntry(Entry):
    """The folder whose images are worked on, one after the other.

    ``path``, ``beside``: absolute path, and the path seen from the project folder. ``shown``: the
    image that was shown last, as seen from it. ``results``: absolute path of the folder in which
    the results of a batch over it are.
    """

    path: Text
    beside: Text | None = None
    shown: Text | None = None
    results: Text | None = None
