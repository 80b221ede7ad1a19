from __future__ import annotations

import pytest
from psygnal import EmitLoopError, Signal

from napari_unet.errors import InvalidInput
from napari_unet.widgets.qt import notify


class Model:
    changed = Signal()
    told = Signal()


@pytest.fixture
def shown(monkeypatch) -> list[str]:
    """What was shown, newest last."""
    texts: list[str] = []
    monkeypatch.setitem(notify._SHOW, notify.Level.ERROR, texts.append)
    return texts


def raising(error: Exception) -> Model:
    """A model whose listener raises, two signals deep."""
    model = Model()

    def fail() -> None:
        raise error

    model.told.connect(fail)
    model.changed.connect(model.told.emit)
    model.keep = fail  # bound for as long as the model
    return model


def test_an_error_with_a_way_out_is_shown(shown):
    with notify.errors_shown():
        raise InvalidInput("paint a stroke.")
    assert shown == ["Paint a stroke."]


def test_so_is_one_that_a_listener_raised(shown):
    with notify.errors_shown():
        raising(InvalidInput("paint a stroke.")).changed.emit()
    assert shown == ["Paint a stroke."]


def test_a_bug_in_a_listener_is_not_taken_for_one(shown):
    with pytest.raises(EmitLoopError), notify.errors_shown():
        raising(KeyError("x")).changed.emit()
    assert shown == []
