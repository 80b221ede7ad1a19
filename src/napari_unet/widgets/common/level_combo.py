"""Which level of a pyramid is worked on: a box that shows for pyramids only."""

from __future__ import annotations

from napari.layers import Image
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unet.widgets.layers.picture import Picture, choose_level
from napari_unet.widgets.layers.readiness import size_text


class LevelCombo(QComboBox):
    """Offers the levels of the chosen image, and hides where there is one only."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: Image | None = None
        self.setObjectName("level_combo")
        self.setAccessibleName("Level of the pyramid")
        self.setToolTip(
            "The level of the pyramid that is painted on, trained on and segmented: a coarser one "
            "sees more of the surroundings, and is faster"
        )
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.activated.connect(self._on_activated)

    def show_picture(self, picture: Picture | None) -> None:
        """Offer the levels of an image."""
        self._image = None if picture is None else picture.layer
        with QSignalBlocker(self):
            self.clear()
            if picture is not None:
                for level in range(len(picture.source.levels)):
                    self.addItem(f"level {level}: {size_text(picture.source.plane_shape(level))}")
                self.setCurrentIndex(picture.level)
        self.setVisible(self.count() > 1)

    def _on_activated(self, level: int) -> None:
        if self._image is not None:
            choose_level(self._image, level)
