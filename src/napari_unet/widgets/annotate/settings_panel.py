"""The settings that one seldom changes, folded away; two follow the image and the model in use."""

from typing import Any, Literal, cast, get_args

from magicgui.widgets import create_widget
from napari.layers import Image
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget
from superqt import QCollapsible

from napari_unet.core.images.intensity import Way
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.config import DeviceName, PresetName
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.core.training.settings import TrainSettings
from napari_unet.session.session import Session
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.volumes import has_slices
from napari_unet.widgets.qt.build import column
from napari_unet.widgets.qt.connections import Connections

_NO_SLICES = "Volumes need an image with slices; this one has none."
_WAYS: dict[Way, str] = {
    "automatic": "automatic",
    "image": "each image by itself",
    "training": "as the training",
    "stack": "the whole stack",
}
_WAYS_TIP = (
    "Which grey values count as dark and bright when images are segmented. Automatic undoes what "
    "differs between exposures, and leaves an empty image empty"
)
_FOREIGN = "The model is of another program and says itself how images are scaled."
DIMENSIONS_TIP = (
    "What the network sees at a time: a plane, or neighbouring slices too; the sizes of voxels are "
    "taken from the image's scale"
)
_FIELDS: dict[str, tuple[str, type, dict[str, Any], str]] = {
    "preset": (
        "Network",
        str,
        {"choices": get_args(PresetName)},
        "pretrained has seen photographs and microscopy, and needs the fewest strokes; compact "
        "begins at random and is faster; unet2015 is the network of the paper, for a GPU",
    ),
    "dimensions": (
        "Dimensions",
        int,
        {"choices": [("2D planes", 2), ("3D volumes", 3)]},
        DIMENSIONS_TIP,
    ),
    "elastic": (
        "Elastic deformation",
        float,
        {"min": 0.0, "max": 100.0, "step": 1.0},
        "Standard deviation, in pixels, of the deformations that training images get; 0 for none",
    ),
    "w0": (
        "Border weight",
        float,
        {"min": 0.0, "max": 1000.0, "step": 1.0},
        "How much more painted background between two painted objects counts; 0 for no more",
    ),
    "sigma": (
        "Border width",
        float,
        {"min": 0.1, "max": 100.0, "step": 0.5},
        "How far, in pixels, the border weight reaches",
    ),
    "device": (
        "Device",
        str,
        {"choices": get_args(DeviceName)},
        "Where to compute; auto takes a GPU where there is one",
    ),
}


class AdvancedPanel(QWidget):
    """Network, dimensions, augmentation, border weights and device.

    Signal: ``changed()``, when one of them is another.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._widgets: dict[str, Any] = {}
        form_widget = QWidget()
        self._form = form = QFormLayout(form_widget)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, (label, kind, options, tooltip) in _FIELDS.items():
            value = TrainSettings.model_fields[name].default
            widget = create_widget(value=value, annotation=kind, name=name, options=options)
            widget.tooltip = tooltip
            widget.native.setObjectName(f"{name}_setting")
            if name in ("elastic", "sigma"):
                widget.native.setSuffix(" px")
            widget.changed.connect(self._on_changed)
            self._widgets[name] = widget
            form.addRow(label, widget.native)
        self.collapsible = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        self.collapsible.setObjectName("advanced_collapsible")
        self.collapsible.setDuration(0)
        self.collapsible.toggleButton().setToolTip("Show or hide settings that seldom matter")
        self.collapsible.addWidget(form_widget)
        column(self, self.collapsible)

    def add_row(self, label: str, widget: QWidget) -> None:
        """Add what is no setting of a training."""
        self._form.addRow(label, widget)

    def settings(self, seconds: float) -> TrainSettings:
        """Return the training settings for a budget in seconds.

        ``InvalidInput`` if a value is not allowed.
        """
        values = {name: widget.value for name, widget in self._widgets.items()}
        values["dimensions"] = self.dimensions
        return TrainSettings.checked(label_kind="scribbles", seconds=seconds, **values)

    @property
    def dimensions(self) -> Literal[2, 3]:
        """2 to train on planes, 3 on volumes."""
        widget = self._widgets["dimensions"]
        return 3 if widget.enabled and widget.value == 3 else 2

    @dimensions.setter
    def dimensions(self, dimensions: Literal[2, 3]) -> None:
        self._widgets["dimensions"].value = dimensions

    def offer_volumes(self, why_not: str | None) -> None:
        """Let volumes be chosen, or say why they cannot be."""
        widget = self._widgets["dimensions"]
        widget.enabled = why_not is None
        widget.tooltip = why_not or DIMENSIONS_TIP

    def show(self, settings: TrainSettings) -> None:
        """Show other settings, as those of a project."""
        for name, widget in self._widgets.items():
            widget.value = getattr(settings, name)

    def device(self) -> DeviceName:
        """Return where to compute."""
        return cast(DeviceName, self._widgets["device"].value)

    def _on_changed(self, _value: object) -> None:
        self.changed.emit()


class Dimensions(QObject):
    """Offers volumes where the image has slices, and follows a model of another kind."""

    def __init__(self, desk: Desk, panel: AdvancedPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._of_model: int | None = None
        Connections(self).add(desk.session.model_changed, self._on_model_changed)
        desk.choice.image_changed.connect(self._on_image_changed)
        desk.choice.image_retaken.connect(self._on_image_changed)
        self._on_model_changed(desk.session.header)
        self._on_image_changed(desk.choice.image)

    def _on_image_changed(self, image: Image | None) -> None:
        self._panel.offer_volumes(None if has_slices(image) else _NO_SLICES)

    def _on_model_changed(self, header: ModelHeader | None) -> None:
        """Choose what a model is trained further with; better weights of it change nothing."""
        found = None if header is None else header.network.ndim
        if found is not None and found != self._of_model:
            self._panel.dimensions = found
        self._of_model = found


class IntensityCombo(QComboBox):
    """Shows how the model in use scales images, and changes it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setObjectName("intensities_setting")
        for way, name in _WAYS.items():
            self.addItem(name, way)
        self.activated.connect(self._on_activated)
        Connections(self).add(session.model_changed, self._on_model_changed)
        self._on_model_changed(session.header)

    def _on_activated(self, _index: int) -> None:
        self._session.use_way(self.currentData())

    def _on_model_changed(self, header: ModelHeader | None) -> None:
        self.setCurrentIndex(self.findData(self._session.way))
        foreign = header is not None and isinstance(header.network, ForeignNetwork)
        self.setEnabled(not foreign)
        self.setToolTip(_FOREIGN if foreign else _WAYS_TIP)
