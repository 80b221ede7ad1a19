"""What the chosen image is taken as, said in one line, and what can be changed about it."""

from napari.components import ViewerModel
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_unet.core.segmentation.model_fit import order_said
from napari_unet.errors import Level
from napari_unet.session.session import Session
from napari_unet.widgets.common.change_button import ChangeButton
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.model_match import follow_model
from napari_unet.widgets.layers.picture import Picture, give_back, is_guessed, picture_of
from napari_unet.widgets.layers.planes import own_channels
from napari_unet.widgets.layers.wording import guesses_said, picture_said
from napari_unet.widgets.qt.connections import Connections

_GUESSED = "{} <b>(guessed)</b>"


class PictureRow(QWidget):
    """One line, and beside it, only where there is something to choose, *Change…*."""

    def __init__(self, viewer: ViewerModel, session: Session, choice: Choice) -> None:
        super().__init__()
        self._viewer = viewer
        self._session = session
        self._choice = choice
        self.label = QLabel(objectName="picture_label", wordWrap=True)
        self.change = ChangeButton(viewer, session)
        self.change.from_file.clicked.connect(self._on_model_changed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.change)
        links = Connections(self)
        links.add(session.model_changed, self._on_model_changed)
        links.add(viewer.layers.events.inserted, self._update)
        links.add(viewer.layers.events.removed, self._on_layer_removed)
        choice.image_changed.connect(self._on_model_changed)
        choice.image_retaken.connect(self._update)
        choice.image_measured.connect(self._on_model_changed)
        self._on_model_changed()

    def _on_model_changed(self) -> None:
        image = self._choice.image
        if image is not None:
            follow_model(self._viewer, image, self._session.header)
        self._update()

    def _update(self) -> None:
        image, header = self._choice.image, self._session.header
        picture = None if image is None else picture_of(image)
        needed = None if header is None else header.network.in_channels
        self.change.show_picture(picture, needed=needed)
        self.label.setVisible(picture is not None or bool(self._choice.problem))
        if picture is None:
            self.label.setText(self._choice.problem)
            self.label.setToolTip("")
        else:
            said, why = picture_said(picture), guesses_said(picture)
            said = _GUESSED.format(said) if is_guessed(picture.layer) else said
            other = self._other_channels(picture)
            self.label.setText(f"{said}<br>{other}" if other else said)
            self.label.setToolTip(why or "What the image is taken as")

    def _other_channels(self, picture: Picture) -> str | None:
        """Say that the model is given as many channels as it needs, but others."""
        header, given = self._session.header, own_channels(picture.layer)
        if header is None or given is None or len(given) != header.network.in_channels:
            return None  # of another number of them the panels below say why nothing can be done
        text = order_said(header, given)
        return text and text[:1].upper() + text[1:]

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        image = self._choice.image
        if image is not None and removed in picture_of(image).layers[1:]:
            give_back(image, removed)
            text = f"{removed.name} was removed, and its channels are used no more."
            self._session.said.emit(Level.INFO, text)
        self._update()
