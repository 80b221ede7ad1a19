"""The button, and the key, that go to the place that is worth a stroke next."""

from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_unet.widgets.annotate.keys import with_key
from napari_unet.widgets.annotate.place_finder import PlaceFinder
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.sections import wrapped_label

_TIP = "Go to the place that the model is least sure of, of those not painted and not shown yet"


class NextPlacePanel(QWidget):
    """Next place, and what was found."""

    def __init__(self, finder: PlaceFinder) -> None:
        super().__init__()
        self._finder = finder
        self.button = push_button("Ne&xt place", "next_place_button", self.go)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.setToolTip(with_key(_TIP, "next_place"))
        self.stop_button = push_button("Stop", "next_place_stop_button", finder.stop)
        self.stop_button.setToolTip("Look at no more planes; what was found stays")
        self.status = wrapped_label("next_place_status")
        layout = grid(self, (self.button, self.stop_button), (self.status,))
        layout.setColumnStretch(0, 1)
        finder.said.connect(self.status.setText)
        finder.running_changed.connect(self._update)
        self._update()

    def go(self) -> None:
        """Go to the next place."""
        with errors_shown():
            self._finder.go()

    def _update(self) -> None:
        self.stop_button.setVisible(self._finder.looks_at_others)
