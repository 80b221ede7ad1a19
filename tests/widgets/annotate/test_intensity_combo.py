"""The choice of how grey values are scaled is that of the model in use."""

from __future__ import annotations

import pytest

from fakes import FakeLearner
from napari_unet.core.images.intensity import WAYS
from napari_unet.core.models.header import header_of
from napari_unet.session.session import Session
from napari_unet.widgets.annotate.settings_panel import IntensityCombo
from scenes import random_model, small_network


@pytest.fixture
def session() -> Session:
    return Session(FakeLearner())


@pytest.fixture
def combo(qtbot, session) -> IntensityCombo:
    widget = IntensityCombo(session)
    qtbot.addWidget(widget)
    return widget


def test_offers_every_way_and_begins_with_the_automatic_one(combo):
    assert [combo.itemData(i) for i in range(combo.count())] == list(WAYS)
    assert combo.currentText() == "automatic"


def test_changes_the_model_in_use_and_follows_an_opened_one(combo, session, tmp_path):
    random_model(small_network()).scaled("image").save(tmp_path / "a.unet")
    session.load_model(tmp_path / "a.unet")
    assert combo.currentData() == "image"
    combo.setCurrentIndex(combo.findData("stack"))
    combo.activated.emit(combo.currentIndex())
    assert header_of(session.model).scaling.way == "stack"
