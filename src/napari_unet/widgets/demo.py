"""The window of ``napari-unet demo --window``."""

from __future__ import annotations

import napari


def run(**_: object) -> None:
    """Open napari on the sample, strokes painted and dock open; returns when it is closed."""
    viewer = napari.Viewer(title="napari-unet")
    viewer.open_sample("napari-unet", "tissue")
    viewer.window.add_plugin_dock_widget("napari-unet", "Annotate and train")
    napari.run()
