"""``napari-unet export``."""

from pathlib import Path

from napari_unet.core.sharing.export import ExportFormat, export_model
from napari_unet.core.sharing.load_model import load_model


def run(model: Path, output: Path, format: ExportFormat) -> None:
    """Write a model for other programs and say where."""
    export_model(load_model(model), output, format=format)
    print(output)
