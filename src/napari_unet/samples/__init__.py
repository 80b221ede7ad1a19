"""Sample images with strokes, shipped with the package."""

from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np

from napari_unet.core.labels.classes import ClassInfo, default_color


@dataclass(frozen=True)
class Sample:
    """An image on which somebody has painted.

    ``name``: what it shows. ``image``: (Y, X, 3) uint8. ``strokes``: (Y, X) uint8; 0 unlabelled, 1
    background, 2.. classes. ``classes``: what the strokes mean.
    """

    name: str
    image: np.ndarray
    strokes: np.ndarray
    classes: tuple[ClassInfo, ...]


def tissue() -> Sample:
    """Return stained tissue with strokes.

    The image is scikit-image's ``immunohistochemistry``: colonic glands in which an antibody
    with a brown dye (DAB) marks epithelium, and a blue dye (haematoxylin) marks nuclei.
    """
    from imageio.v3 import imread
    from skimage.data import immunohistochemistry

    with as_file(files(__name__) / "tissue_strokes.png") as path:
        strokes = np.asarray(imread(path))
    names = {1: "background and stroma", 2: "brown epithelium", 3: "blue nuclei"}
    return Sample(
        name="stained tissue",
        image=np.asarray(immunohistochemistry()),
        strokes=strokes.astype(np.uint8),
        classes=tuple(ClassInfo(id=i, name=n, color=default_color(i)) for i, n in names.items()),
    )
