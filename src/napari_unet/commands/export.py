"""``napari-unet export``."""

from __future__ import annotations

from pathlib import Path

from napari_unet.core.sharing.export import ExportFormat, export_model
from napari_unet.core.sharing.load_model import load_model


def run(model: Path, output: Path, format: ExportFormat) -> None:
    """Write a model for other programs and say where.

    Parameters
    ----------
    model, output
        Model file, and where to write.
    format
        See :func:`napari_unet.core.sharing.export.export_model`.

    Raises
    ------
    UserError
        With what is wrong and what to do; an existing file is as before.
    """
    export_model(load_model(model), output, format=format)
    print(output)
