"""Whether results that are there were made from the same image, model and options."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.fingerprint import fingerprint
from napari_unet.core.io.result import MadeFrom, Saved
from napari_unet.core.objects.label_instances import DEFAULTS
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.prediction.tile_probabilities import Described


@dataclass(frozen=True)
class Choices:
    """What is chosen for an image and counts for its results.

    Which channels, in the order of those that the model was trained on, of which level. ``factors``
    are new pixels for each of the image's, along rows and columns, to resample it for the network;
    results are put back on its own pixels, and slices are taken as they are.
    """

    channels: Sequence[int] | None = None
    level: int = 0
    factors: tuple[float, float] | None = None
    average_rotations: bool = False
    objects: InstanceSettings = DEFAULTS


AS_IT_IS = Choices()


def made_from(
    model: Described, source: ImageSource, choices: Choices, saved: Sequence[Saved]
) -> dict[Saved, MadeFrom]:
    """Return for each kind of result what it is made from; the image is looked at once."""
    image = fingerprint(source)
    return {what: MadeFrom(image, model.digest, _told(source, choices, what)) for what in saved}


def _told(source: ImageSource, choices: Choices, what: Saved) -> str:
    """Return as JSON what is chosen for one kind of result, the image's own axes included."""
    channels = choices.channels
    told: dict[str, object] = {
        "axes": source.axes,
        "channels": list(range(source.channels) if channels is None else channels),
        "level": choices.level,
        "pixel_size": {axis: round(size, 9) for axis, size in source.pixel_size.items()},
        "units": dict(source.units),
        "resampled_by": None if choices.factors is None else list(choices.factors),
        "average_rotations": choices.average_rotations,
    }
    if what == "instances":
        objects = choices.objects
        told |= {
            "threshold": objects.threshold,
            "smallest": objects.smallest,
            "neck": objects.neck,
            "border_objects": objects.border_objects,
        }
    return json.dumps(told, sort_keys=True)


def why_anew(there: Mapping[Saved, MadeFrom | None], now: Mapping[Saved, MadeFrom]) -> str | None:
    """Say why results that are there are made anew; ``None`` if they would be the same."""
    differences: set[str] = set()
    for what, before in there.items():
        if before is None:
            return "its results are there already, and nothing says what they were made from"
        differences |= set(before.differences(now[what]))
    if not differences:
        return None
    names = [name for name in ("image", "model", "options") if name in differences]
    others = " and ".join(f"other {n}" if n == "options" else f"another {n}" for n in names)
    return f"its results are there already, but made from {others}"
