"""Advanced settings start as the engine's own."""

from __future__ import annotations

import pytest

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel


@pytest.fixture
def panel(qtbot):
    widget = AdvancedPanel()
    qtbot.addWidget(widget)
    return widget


def test_untouched_settings_are_the_defaults(panel):
    assert panel.settings(60) == TrainSettings.checked(seconds=60)
    assert panel.device() == "auto"
    assert not panel.collapsible.isExpanded()


def test_every_setting_has_a_tooltip(panel):
    assert all(widget.native.toolTip() for widget in panel._widgets.values())


def test_the_chosen_values_are_used(panel):
    panel._widgets["preset"].value = "unet2015"
    panel._widgets["device"].value = "cpu"
    chosen = panel.settings(10)
    assert (chosen.preset, chosen.device) == ("unet2015", "cpu")
    assert chosen.label_kind == "scribbles"


def test_settings_of_a_project_are_shown(panel):
    settings = TrainSettings.checked(seconds=5, preset="unet2015", elastic=3.0, device="cpu")
    panel.show(settings)
    assert panel.settings(5) == settings
    panel.show(TrainSettings.checked(seconds=5))
    assert panel.settings(5) == TrainSettings.checked(seconds=5)
