"""A line that says which results are of other pixels than their image has now."""

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QLabel, QWidget

from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.result_age import ResultAge
from napari_unet.widgets.layers.roles import Role

_NAMES = {
    Role.SEGMENTATION: "segmentation",
    Role.PROBABILITY: "probabilities",
    Role.INSTANCES: "instances",
    Role.UNCERTAINTY: "uncertainty",
    Role.CELLS: "cells",
}


class ResultAgeNote(QLabel):
    """Takes no room while all results of the chosen image are of the pixels that it has."""

    def __init__(self, choice: Choice, age: ResultAge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("result_age_note")
        self.setWordWrap(True)
        self._choice, self._age = choice, age
        age.changed.connect(self._show)
        self._show()
        age.look()

    def event(self, event: QEvent) -> bool:
        """Look again when the window is come back to: others may have changed the file."""
        if event.type() == QEvent.Type.WindowActivate:
            self._age.look(only_at_file=True)
        return super().event(event)

    def _show(self) -> None:
        image = self._choice.image
        old = () if image is None else self._age.outdated(image)
        if image is not None and old:
            names = " and ".join(_NAMES[role] for role in old)
            self.setText(
                f"Note: {image.name} had other pixels when what is shown was made ({names}); make "
                "it anew."
            )
        self.setVisible(bool(old))
