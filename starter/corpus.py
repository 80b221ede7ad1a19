"""Images with ground truth, as folders: ``NAME/images``, ``NAME/labels`` and ``NAME/info.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from napari_unet.core.images.arrange import as_plane
from napari_unet.core.images.normalise import normalise
from napari_unet.core.io.open_image import read_image, read_labels
from napari_unet.errors import UserError

# The annotator benchmark and what else benchmarks and examples score: never learned from.
REFUSED = frozenset(
    {
        "isbi2012_em",
        "u373_phc",
        "dsb2018_fluo",
        "drive_retina",
        "wbc_rgb",
        "dsb2018_histology",
        "bbbc010_worms",
        "corneal_endothelium",
        "samples_no_gt",
        "vnc_sstem",
    }
)
# Sets to judge by, and those that show the same fields or specimens.
JUDGED = (
    "axon_tem",
    "bacteria_brightfield",
    "neuron_transmitted",
    "nuclei_he_nuinsseg",
    "steel_sem_uhcs",
    "yeast_phase",
)
_TWINS = frozenset({"bacteria_fluorescence", "spheroidite_sem", "yeast_fluorescence"})
_MOST_CLASSES = 8
UNKNOWN = 255


@dataclass(frozen=True)
class ImageSet:
    """A set of the corpus.

    Attributes
    ----------
    name
        Of its folder.
    pairs
        Paths of an image and of its labels.
    holds_objects
        Whether labels number objects; all of them are one class then.
    from_one
        Whether each image shows something else, so that a task is drawn from one of them.
    """

    name: str
    pairs: tuple[tuple[Path, Path], ...]
    holds_objects: bool
    from_one: bool


def training_sets(corpus: Path) -> list[ImageSet]:
    """Return the sets to learn from: those that nothing is judged by.

    Raises
    ------
    SystemExit
        A set that must never be learned from is among them, or there is none.
    """
    folders = sorted(path.parent for path in corpus.glob("*/info.json"))
    refused = sorted(REFUSED & {folder.name for folder in folders})
    if refused:
        raise SystemExit(f"{corpus} holds {', '.join(refused)}, which benchmarks are scored by.")
    left_out = {*JUDGED, *_TWINS}
    found = [read_set(folder) for folder in folders if folder.name not in left_out]
    found = [one for one in found if one.pairs]
    if not found:
        raise SystemExit(f"{corpus} holds no folder with images/, labels/ and info.json.")
    return found


def read_set(folder: Path) -> ImageSet:
    """Return a set; files that cannot be read are named and left out."""
    info = json.loads((folder / "info.json").read_text())
    labels = {path.stem: path for path in (folder / "labels").iterdir()}
    pairs = []
    for image in sorted((folder / "images").iterdir()):
        if image.stem in labels:
            try:
                plane, truth = read_pair(image, labels[image.stem])
                if plane.shape[1:] != truth.shape:
                    raise ValueError(f"sizes {plane.shape[1:]} and {truth.shape} differ")
            except (UserError, OSError, ValueError) as error:
                print(f"{image} is left out: {error}", flush=True)
                continue
            pairs.append((image, labels[image.stem]))
    objects = str(info.get("kind", "")).startswith("instance")
    return ImageSet(folder.name, tuple(pairs), objects, "one image a" in str(info.get("notes", "")))


@lru_cache(maxsize=150)
def read_pair(image: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return a normalised image, (C, Y, X) float16, and its labels, (Y, X)."""
    plane = normalise(as_plane(read_image(image)))
    return plane.clip(-2, 3).astype(np.float16), read_labels(labels)
