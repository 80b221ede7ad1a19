"""The window of ``napari-unet demo --window``."""

import napari


def run(**_: object) -> None:
    """Open napari on the sample, strokes painted and dock open; returns when it is closed."""
    viewer = napari.Viewer(title="napari-unet")
    viewer.open_sample("napari-unet-live", "tissue")
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
    napari.run()
