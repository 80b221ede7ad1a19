"""Which channels a model is given, in which order, and of which layers."""

from __future__ import annotations

from functools import partial

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)

from napari_unet.core.images.stacked_channels import same_size
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import (
    Picture,
    choose_channels,
    chosen_channels,
    is_picture,
    source_of,
)
from napari_unet.widgets.layers.wording import channel_name
from napari_unet.widgets.qt.notify import errors_shown

_NUMBER = Qt.ItemDataRole.UserRole  # in the list of what is on offer
_MOST_ROWS = 10


def channels_on_offer(viewer: ViewerModel, image: Image) -> list[tuple[Image, int, int]]:
    """Return the channels that a model can be given of an image and of others of its size.

    Layer, number of the channel, and how many the layer has; the image's own come first.
    """
    own = source_of(image)
    others = [layer for layer in viewer.layers if is_picture(layer) and layer is not image]
    offered = []
    for layer in (image, *others):
        try:
            source = source_of(layer)
        except InvalidInput:
            continue  # no image
        if same_size(source, own):
            offered += [(layer, channel, source.channels) for channel in range(source.channels)]
    return offered


class ChannelMenu(QPushButton):
    """A button that opens a list to check and to reorder; what was chosen counts when it closes.

    It hides where there is nothing to choose: a grey image that is alone in its size and fits the
    model.
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__("&Channels…", parent)
        self._viewer = viewer
        self._image: Image | None = None
        self.setObjectName("channels_button")
        self.setToolTip("Choose which channels the model sees, in which order, of which layers")
        self.list = QListWidget()
        self.list.setObjectName("channels_list")
        self.list.setAccessibleName("Channels of the image")
        self.list.setToolTip(
            "Checked channels are given to the model, from the top down; a model is right only "
            "for images whose channels come in the order that it was trained with"
        )
        self._offered: list[tuple[Image, int]] = []
        self._menu = QMenu(self)
        self._fill_menu()
        self._menu.aboutToHide.connect(self._on_closed)
        self.clicked.connect(self._on_clicked)

    def _fill_menu(self) -> None:
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.addWidget(QLabel("Check what the model sees, in this order:"))
        layout.addWidget(self.list)
        row = QHBoxLayout()
        for name, text, step in (("up", "&Up", -1), ("down", "&Down", 1)):
            button = QPushButton(text)
            button.setObjectName(f"channel_{name}_button")
            button.setToolTip(f"Move the selected channel {name}")
            button.clicked.connect(partial(self._move, step))
            row.addWidget(button)
        layout.addLayout(row)
        action = QWidgetAction(self._menu)
        action.setDefaultWidget(body)
        self._menu.addAction(action)

    def show_picture(self, picture: Picture | None, *, needed: int | None) -> None:
        """Serve another image."""
        self._image = None if picture is None else picture.layer
        if picture is None:
            self.setVisible(False)
            return
        several = len(channels_on_offer(self._viewer, picture.layer)) > 1
        self.setVisible(several or needed not in (None, len(picture.channels)))

    def _on_clicked(self) -> None:
        if self._image is None:
            return
        self.list.clear()
        offered = channels_on_offer(self._viewer, self._image)
        chosen = chosen_channels(self._image)
        counts = {(layer, channel): count for layer, channel, count in offered}
        self._offered = [place for place in chosen if place in counts]
        self._offered += [place for place in counts if place not in chosen]
        for number, place in enumerate(self._offered):
            item = QListWidgetItem(channel_name(*place, counts[place]))
            item.setData(_NUMBER, number)
            on = place in chosen
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        rows = min(self.list.count(), _MOST_ROWS)
        self.list.setFixedHeight(rows * self.list.sizeHintForRow(0) + 2 * self.list.frameWidth())
        self._menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _move(self, step: int) -> None:
        row = self.list.currentRow()
        if 0 <= row + step < self.list.count():
            self.list.insertItem(row + step, self.list.takeItem(row))
            self.list.setCurrentRow(row + step)

    def _on_closed(self) -> None:
        if self._image is None:
            return
        items = [self.list.item(row) for row in range(self.list.count())]
        on = [item for item in items if item.checkState() == Qt.CheckState.Checked]
        checked = [self._offered[item.data(_NUMBER)] for item in on]
        with errors_shown():
            if checked != chosen_channels(self._image):
                choose_channels(self._image, checked)
