"""What the batch dock says of an image, before and after it was segmented; pure functions."""

import re
from collections import Counter
from collections.abc import Sequence
from math import prod

from napari_unet.core.batch.plan import PlannedItem
from napari_unet.core.batch.report import STATUS_WORDS
from napari_unet.core.batch.run import ItemEnded
from napari_unet.core.images.image_source import PLANE_AXES
from napari_unet.core.objects.quantities import said_of_fields

REMOVED = "the layer was removed."

_THERE = "there already; tick Overwrite to make it anew."  # a row each, of hundreds perhaps
_CHANNELS = "Which channels are taken is chosen in Annotate and train: Change…"


def fate_text(item: PlannedItem, ndim: int = 2) -> str:
    """Say what will be done to an image by a model of planes or volumes, or why nothing will be."""
    said = " ".join(item.sentences)
    if item.action == "done":
        return " ".join((_THERE, *item.sentences[1:]))
    if item.action != "run":
        of_channels = item.group.startswith("have ") and "channel" in item.group
        return f"{said} {_CHANNELS}" if of_channels else said
    sizes = dict(zip(item.axes, item.shape, strict=True))
    apart = PLANE_AXES if ndim == 2 else PLANE_AXES.replace("Z", "")
    count = prod(size for letter, size in sizes.items() if letter in apart)
    parts = ["will be segmented"]
    if count > 1 or ndim == 3:
        what = "plane" if ndim == 2 else "volume"
        parts.append(f"{count} {what}{'s' * (count != 1)}")
    if item.outputs:
        parts.append(f"into {' and '.join(place.name for place in item.outputs.values())}")
    return ", ".join(parts) + (f": {said}" if said else "")


def outcome_text(ended: ItemEnded) -> str:
    """Say what became of an image."""
    word = STATUS_WORDS[ended.status]
    if ended.status == "done":
        said = [_names(ended), said_of_fields(ended.fields)]
        return ": ".join(filter(None, (word, ", ".join(filter(None, said)))))
    if ended.status == "skipped":
        return " ".join((_THERE, *ended.item.sentences[1:]))
    return f"{word}: {ended.sentence}"


def files_text(texts: Sequence[str]) -> str:
    """Say what becomes, or became, of the files of a layer: each different text once."""
    counted = Counter(re.split("[:;]|, into", text)[0] for text in texts)
    parts = [
        f"{count} {text.replace('have', 'has') if count == 1 else text}"
        for text, count in counted.items()
    ]
    others = [t for t in dict.fromkeys(texts) if t.startswith(("failed", "stopped"))][:1]
    return f"{len(texts)} files: {', '.join(parts)}" + "".join(f"; {text}" for text in others)


def _names(ended: ItemEnded) -> str:
    return ", ".join(place.name for place in ended.outputs)
