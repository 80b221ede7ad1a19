"""What results are called, and which files may be replaced by one."""

from pathlib import Path

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.result import Saved
from napari_unet.core.io.write_result import MOST_TIFF_BYTES, read_label_kind
from napari_unet.core.prediction.tile_probabilities import Described
from napari_unet.core.segmentation.segment import result_of
from napari_unet.errors import UnwritableOutput

_MOST_BYTES = 120  # of the name of an image, where files may have 255
RESULTS: tuple[Saved, ...] = ("labels", "probabilities", "instances")


def stem_of(path: Path) -> str:
    """Return an image's name without its ending: ``a`` of ``a.ome.tif`` and ``a.ome.zarr``."""
    stem = path.name.rpartition(".")[0] or path.name
    return stem[:-4] if stem.lower().endswith(".ome") and len(stem) > 4 else stem


def safe_stem(name: str) -> str:
    """Return a name that any file system takes, from one that somebody gave to an image.

    What is no good in a file's name becomes ``_``; a long one is cut, so that there is room for
    endings.
    """
    text = "".join("_" if c in '<>:"/\\|?*' or not c.isprintable() else c for c in name)
    text = text.strip().rstrip(". ")
    text = f"_{text[1:]}" if text.startswith(".") else text
    return text.encode()[:_MOST_BYTES].decode(errors="ignore").rstrip(". ") or "image"


def result_path(
    folder: Path, stem: str, model: Described, source: ImageSource, what: Saved, level: int = 0
) -> Path:
    """Return where a result goes: ``STEM_labels.tif``, or ``STEM_labels.ome.zarr``.

    It is an OME-Zarr if the image is one, or if it is too large to be put together in memory.
    """
    large = result_of(model, source, what, level=level).nbytes > MOST_TIFF_BYTES
    suffix = "ome.zarr" if large or source.kind == "zarr" else "tif"
    return folder / f"{stem}_{what}.{suffix}"


def is_result(path: Path) -> bool:
    """Tell whether a file or folder is a result of this program."""
    return stem_of(path).endswith(RESULTS) and read_label_kind(path) is not None


def check_ours(path: Path) -> None:
    """Refuse to overwrite what may be somebody's labels; a prediction may be made anew."""
    if path.exists() and read_label_kind(path) is None:
        raise UnwritableOutput(
            f"{path} is there already and is no prediction of napari-unet; move it away or choose "
            "another folder."
        )
