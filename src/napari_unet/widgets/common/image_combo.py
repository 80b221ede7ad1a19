"""The box with which the image is chosen that all docks of a viewer work on."""

from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.widgets.common.layer_combo import LayerCombo
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.showing import show_chosen
from napari_unet.widgets.layers.channels_last import bring_channels_first
from napari_unet.widgets.layers.picture import is_picture


class ImageCombo(LayerCombo):
    """Offers the images, and shows and changes which is chosen."""

    def __init__(self, viewer: ViewerModel, choice: Choice, name: str) -> None:
        super().__init__(viewer, is_picture)
        self._choice = choice
        self.setObjectName(name)
        self.setAccessibleName("Image")
        self.setPlaceholderText("open an image")
        self.chosen.connect(self._on_chosen)
        self.activated.connect(self._on_activated)
        self.offer_changed.connect(self.choose_missing)
        choice.image_changed.connect(self._on_chosen_elsewhere)
        self.choose_missing()

    def choose_missing(self) -> None:
        """Choose the image that is chosen elsewhere, or any where there was none."""
        self._on_chosen_elsewhere(self._choice.image)
        if self.layer is None and self.offered:
            active = self._viewer.layers.selection.active
            self.choose(active if active in self.offered else self.offered[-1])

    def _on_chosen(self, image: Image | None) -> None:
        if image is not None:
            bring_channels_first(self._viewer, image)
        self._choice.image = image

    def _on_chosen_elsewhere(self, image: Image | None) -> None:
        if image is not self.layer and image in self.offered:
            self.choose(image)

    def _on_activated(self, _index: int) -> None:
        if self._choice.image is not None:
            show_chosen(self._viewer, self._choice.image)
