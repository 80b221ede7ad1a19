"""An image that may be segmented in a batch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.result import MadeFrom, Saved


@dataclass(frozen=True, eq=False)
class Candidate:
    """An image that may be segmented, wherever it comes from.

    ``result`` is where its results go in the folder for them, without what tells them apart.
    ``open`` does not read its pixels. Channels and level are taken instead of those of the batch's
    options. ``layers`` say, of results that are layers and that a run to layers will replace, what
    they were made from. ``said`` returns what is to be known of it whether it is done or not; it
    may take as long as to open.
    """

    name: str
    result: Path
    open: Callable[[], ImageSource]
    channels: tuple[int, ...] | None = None
    level: int | None = None
    layers: Mapping[Saved, MadeFrom] = field(default_factory=dict)
    said: Callable[[], tuple[str, ...]] = tuple
