"""What the first axes of an image are: slices, time or channels, changed in one click."""

from __future__ import annotations

from itertools import permutations

from napari.layers import Image
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unet.widgets.layers.picture import Picture, choose_axes

_NAMES = {"Z": "slices", "T": "time", "C": "channels"}
_MOST_CHANNELS = 64  # a longer axis is no sensible offer


def axes_on_offer(picture: Picture) -> list[str]:
    """Return the ways in which an image's axes can be named; one is what they are named now.

    The axes before rows and columns are slices, time and channels in any order; RGB has its
    channels already, and an axis of more than 64 is not offered as channels, unless it is taken as
    such.
    """
    axes, sizes = picture.own.axes, picture.own.levels[0].shape
    leading = axes[: axes.index("Y")]
    offered = []
    for letters in permutations("ZTC", len(leading)):
        name = "".join(letters) + axes[len(leading) :]
        has_channels = "C" in letters
        channels = sizes[letters.index("C")] if has_channels else 0
        sensible = channels <= _MOST_CHANNELS and not (has_channels and "S" in axes)
        if sensible or name == axes:
            offered.append(name)
    return offered if axes in offered else [axes, *offered]


def axes_said(axes: str) -> str:
    """Return what the axes before rows and columns are, as ``"time, slices"``."""
    return ", ".join(_NAMES[letter] for letter in axes[: axes.index("Y")])


class AxesCombo(QComboBox):
    """Offers what the chosen image's first axes can be; hides where there is nothing to choose."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: Image | None = None
        self._offered: list[str] = []
        self.setObjectName("axes_combo")
        self.setAccessibleName("Axes of the image")
        self.setToolTip(
            "What the axes before rows and columns are: planes along slices and time are "
            "segmented one by one, channels are seen together"
        )
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.activated.connect(self._on_activated)

    def show_picture(self, picture: Picture | None) -> None:
        """Offer the alternatives for an image."""
        self._image = None if picture is None else picture.layer
        self._offered = [] if picture is None else axes_on_offer(picture)
        with QSignalBlocker(self):
            self.clear()
            self.addItems([axes_said(axes) for axes in self._offered])
            if picture is not None:
                self.setCurrentIndex(self._offered.index(picture.own.axes))
        self.setVisible(len(self._offered) > 1)

    def _on_activated(self, index: int) -> None:
        if self._image is not None:
            choose_axes(self._image, self._offered[index])
