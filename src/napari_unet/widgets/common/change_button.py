"""What an image is taken as, changed behind one button: its axes, level, channels, and its file."""

from functools import partial
from itertools import permutations
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.images.stacked_channels import same_size
from napari_unet.core.io.open_image import is_readable, open_image
from napari_unet.errors import InvalidInput, Level
from napari_unet.session.session import Session
from napari_unet.widgets.layers.from_file import take_from
from napari_unet.widgets.layers.picture import (
    Picture,
    choose_axes,
    choose_channels,
    choose_level,
    chosen_channels,
    is_guessed,
    is_picture,
    source_of,
)
from napari_unet.widgets.layers.readiness import size_text
from napari_unet.widgets.layers.wording import channel_name
from napari_unet.widgets.qt.build import push_button
from napari_unet.widgets.qt.notify import errors_shown

_NAMES = {"Z": "slices", "T": "time", "C": "channels"}
_MOST_CHANNELS = 64  # a longer axis is no sensible offer
_NUMBER = Qt.ItemDataRole.UserRole  # in the list of what is on offer


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


def channels_on_offer(viewer: ViewerModel, image: Image) -> dict[tuple[Image, int], str]:
    """Return the names of the channels that a model can be given, the image's own first."""
    own = source_of(image)
    others = [layer for layer in viewer.layers if is_picture(layer) and layer is not image]
    offered = {}
    for layer in (image, *others):
        try:
            source = source_of(layer)
        except InvalidInput:
            continue  # no image
        for channel in range(source.channels) if same_size(source, own) else ():
            offered[layer, channel] = channel_name(layer, channel, source.channels)
    return offered


class ChangeButton(QPushButton):
    """Opens a dialog; hides where there is nothing to choose.

    That is a grey image that is alone in its size, fits the model, and says what it is. Channels
    that were checked or moved count when the dialog closes, everything else at once.
    """

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        super().__init__("Chan&ge…")
        self._viewer, self._session = viewer, session
        self._picture: Picture | None = None
        self._axes: list[str] = []
        self._channels: list[tuple[Image, int]] = []
        self.setObjectName("change_button")
        self.setToolTip("Change what the axes are, which channels the model sees, and the level")
        self.axes = _combo(
            "axes_combo",
            "Axes of the image",
            "What the axes before rows and columns are: planes along slices and time are "
            "segmented one by one, channels are seen together",
        )
        self.axes.activated.connect(self._on_axes_chosen)
        self.levels = _combo(
            "level_combo",
            "Level of the pyramid",
            "The level of the pyramid that is painted on, trained on and segmented: a coarser one "
            "sees more of the surroundings, and is faster",
        )
        self.levels.activated.connect(self._on_level_chosen)
        self.list = QListWidget()
        self.list.setObjectName("channels_list")
        self.list.setAccessibleName("Channels of the image")
        self.list.setToolTip(
            "Checked channels are given to the model, from the top down; a model is right only "
            "for images whose channels come in the order that it was trained with"
        )
        self.from_file = push_button(
            "As in the &file", "from_file_button", self._on_from_file_clicked
        )
        self.from_file.setToolTip(
            "Take axes, pixel size and units from the file that the image is from"
        )
        self._dialog = QDialog(self)
        self._dialog.finished.connect(self._on_closed)
        self._lay_out()
        self.clicked.connect(self._on_clicked)

    def _lay_out(self) -> None:
        self._dialog.setWindowTitle("What the image is taken as")
        self._form = form = QFormLayout(self._dialog)
        moves = QHBoxLayout()
        for name, text, step in (("up", "&Up", -1), ("down", "&Down", 1)):
            button = QPushButton(text)
            button.setObjectName(f"channel_{name}_button")
            button.setToolTip(f"Move the selected channel {name}")
            button.setAutoDefault(False)
            button.clicked.connect(partial(self._move, step))
            moves.addWidget(button)
        channels = QWidget()
        layout = QVBoxLayout(channels)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(moves)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.button(QDialogButtonBox.StandardButton.Close).setToolTip("Take the checked channels")
        close.rejected.connect(self._dialog.reject)
        form.addRow("Axes", self.axes)
        form.addRow("Level", self.levels)
        form.addRow("The model sees", channels)
        form.addRow(self.from_file)
        form.addRow(close)

    def show_picture(self, picture: Picture | None, *, needed: int | None) -> None:
        """Serve another image; ``needed`` is how many channels the model in use needs, if any."""
        before, self._picture = self._picture, picture
        if picture is None:
            self._dialog.hide()
            self.setVisible(False)
            return
        image, path = picture.layer, picture.layer.source.path
        self._axes = axes_on_offer(picture)
        levels = [picture.source.plane_shape(level) for level in range(len(picture.source.levels))]
        _fill(self.axes, [_axes_said(axes) for axes in self._axes], picture.own.axes, self._axes)
        said = [f"level {level}: {size_text(shape)}" for level, shape in enumerate(levels)]
        _fill(self.levels, said, picture.level, range(len(levels)))
        missing = not picture.own.pixel_size or is_guessed(image)
        offered = channels_on_offer(self._viewer, image)
        rows = (
            (0, len(self._axes) > 1),
            (1, len(levels) > 1),
            (2, len(offered) > 1 or needed not in (None, len(picture.channels))),
            (3, missing and path is not None and is_readable(Path(path))),
        )
        for row, shown in rows:
            self._form.setRowVisible(row, shown)
        self.setVisible(any(shown for _, shown in rows))
        if before is None or before.meaning != picture.meaning or not self._dialog.isVisible():
            self._fill_channels(offered)

    def _fill_channels(self, offered: dict[tuple[Image, int], str]) -> None:
        chosen = [] if self._picture is None else chosen_channels(self._picture.layer)
        self._channels = [place for place in chosen if place in offered]
        self._channels += [place for place in offered if place not in chosen]
        self.list.clear()
        for number, place in enumerate(self._channels):
            item = QListWidgetItem(offered[place])
            item.setData(_NUMBER, number)
            on = place in chosen
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _on_clicked(self) -> None:
        if self._picture is not None:
            self._fill_channels(channels_on_offer(self._viewer, self._picture.layer))
            self._dialog.open()

    def _on_axes_chosen(self, index: int) -> None:
        if self._picture is not None:
            choose_axes(self._picture.layer, self._axes[index])

    def _on_level_chosen(self, level: int) -> None:
        if self._picture is not None:
            choose_level(self._picture.layer, level)

    def _move(self, step: int) -> None:
        row = self.list.currentRow()
        if 0 <= row + step < self.list.count():
            self.list.insertItem(row + step, self.list.takeItem(row))
            self.list.setCurrentRow(row + step)

    def _on_closed(self) -> None:
        if self._picture is None:
            return
        items = [self.list.item(row) for row in range(self.list.count())]
        on = [item for item in items if item.checkState() == Qt.CheckState.Checked]
        checked = [self._channels[item.data(_NUMBER)] for item in on]
        with errors_shown():
            if checked != chosen_channels(self._picture.layer):
                choose_channels(self._picture.layer, checked)

    def _on_from_file_clicked(self) -> None:
        image = None if self._picture is None else self._picture.layer
        if image is None or image.source.path is None:
            return
        with errors_shown(), open_image(image.source.path) as source:
            if not take_from(self._viewer, image, source):
                text = f"{image.source.path} says neither what its axes are nor its pixel size."
                self._session.said.emit(Level.INFO, text)


def _combo(name: str, accessible: str, tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setObjectName(name)
    combo.setAccessibleName(accessible)
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return combo


def _fill(combo: QComboBox, texts: list[str], now: object, offered: list[str] | range) -> None:
    """Offer texts; the one that stands for what is so now is chosen."""
    with QSignalBlocker(combo):
        combo.clear()
        combo.addItems(texts)
        combo.setCurrentIndex(list(offered).index(now))


def _axes_said(axes: str) -> str:
    """Return what the axes before rows and columns are, as ``"time, slices"``."""
    return ", ".join(_NAMES[letter] for letter in axes[: axes.index("Y")])
