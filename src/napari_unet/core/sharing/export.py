"""Writing a model in a format that other programs read."""

import os
from pathlib import Path
from typing import Literal, get_args

from napari_unet.core.io.atomic import check_writable, write_whole
from napari_unet.core.models.model import Model
from napari_unet.core.sharing.bioimageio_writer import bioimageio_bytes
from napari_unet.core.sharing.onnx_writer import onnx_bytes
from napari_unet.core.sharing.portable import portable
from napari_unet.errors import InvalidInput

ExportFormat = Literal["bioimageio", "onnx"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
_SUFFIXES = {"bioimageio": ".zip", "onnx": ".onnx"}


def export_model(
    model: Model, path: str | os.PathLike[str], *, format: ExportFormat = "bioimageio"
) -> None:
    """Write a model for other programs.

    Parameters
    ----------
    model
        A trained model.
    path
        Where to, ``.zip`` or ``.onnx``; an existing file is replaced once the new one is complete.
    format
        ``"bioimageio"``, a package of the bioimage.io format with everything that belongs to a
        model; ``"onnx"``, the network alone: normalised images of any size go in, (B, C, Y, X) or
        (B, C, Z, Y, X) float32, and each class's probability comes out.

    Raises
    ------
    InvalidModel
        The model answers by more than its network, or is too large.
    InvalidInput
        The format is not known, the name has another ending, or a package of the extra is missing.
    UnwritableOutput
        It cannot be written there; an existing file is as before.
    """
    path = Path(path)
    if format not in FORMATS:
        raise InvalidInput(
            f"{format!r} is no format to export to; use one of {', '.join(FORMATS)}."
        )
    suffix = _SUFFIXES[format]
    if path.suffix.lower() != suffix:
        raise InvalidInput(f"{path} should end with {suffix}; choose such a name.")
    check_writable(path)
    network = portable(model)
    if format == "onnx":
        content = onnx_bytes(network, model.header)
    else:
        content = bioimageio_bytes(model, network, path.stem)
    write_whole(path, content)
