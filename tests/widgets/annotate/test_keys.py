"""Keys: declared, documented, free, changeable, and doing what they say."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from app_model.types import KeyBinding
from layer_helpers import add_strokes, paint_two_classes
from napari import layers
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from napari.utils.shortcuts import default_shortcuts
from npe2 import PluginManifest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QPushButton, QTableWidget

from napari_unet.widgets.annotate import keys
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.annotate.keys import DEFAULT_KEYS

PAGE = Path(__file__).parents[3] / "docs" / "keyboard.md"
MANIFEST = PluginManifest.from_file(str(files("napari_unet") / "napari.yaml"))


@pytest.fixture(autouse=True)
def _as_if_started_anew():
    """Forget the actions and their keys before and after each test."""
    yield
    get_settings().shortcuts.reset()
    for name in DEFAULT_KEYS:
        action = f"napari-unet:{name}"
        if action in action_manager._actions:
            action_manager.unbind_shortcut(action)
            del action_manager._actions[action]


@pytest.fixture
def viewer(make_window, learners):
    viewer = make_window()
    image = viewer.add_image(np.zeros((32, 40), np.float32), name="cells")
    paint_two_classes(add_strokes(viewer, image))
    return viewer


@pytest.fixture
def dock(viewer):
    widget = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(widget, name="dock")
    return widget


def press(qtbot, viewer, key, modifier=Qt.KeyboardModifier.ShiftModifier):
    qtbot.keyClick(viewer.window._qt_viewer, key, modifier)


def test_each_is_in_the_manifest_with_its_command():
    commands = {entry.id: entry for entry in MANIFEST.contributions.commands}
    declared = {entry.command: entry.key for entry in MANIFEST.contributions.keybindings}
    assert declared == {f"napari-unet-live.{name}": key for name, key in DEFAULT_KEYS.items()}
    for command in declared:
        assert commands[command].python_name.startswith("napari_unet.widgets.")


def test_each_is_documented():
    rows = PAGE.read_text(encoding="utf-8").partition("## Other keys")[0]
    assert set(re.findall(r"\*((?:Shift\+)?(?:[A-Z]|Left|Right))\*", rows)) == set(
        DEFAULT_KEYS.values()
    )


def test_none_is_one_of_naparis_own(make_window):
    viewer = make_window()  # registers what napari registers
    ours = {KeyBinding.from_str(key) for key in DEFAULT_KEYS.values()}
    assert len(ours) == len(DEFAULT_KEYS)
    taken = {key for keymap in default_shortcuts.values() for key in keymap} | set(viewer.keymap)
    for kind in (ViewerModel, *vars(layers).values()):
        taken |= set(getattr(kind, "class_keymap", {}))
    from napari._app_model import get_app_model

    taken |= {rule.keybinding for rule in get_app_model().keybindings}
    assert len(taken) > 60
    assert {str(key) for key in ours & taken} == set()


def test_train_and_its_stop(qtbot, viewer, dock, learners):
    qtbot.waitUntil(dock.findChild(QPushButton, "train_button").isEnabled)
    press(qtbot, viewer, Qt.Key.Key_T)
    assert len(learners[0].trainings) == 1
    press(qtbot, viewer, Qt.Key.Key_T)
    assert learners[0].stopped == [learners[0].trainings[0].number]


def test_new_strokes_and_classes_one_after_the_other(qtbot, viewer, dock):
    press(qtbot, viewer, Qt.Key.Key_N)
    layer = viewer.layers.selection.active
    table = dock.findChild(QTableWidget, "class_table")
    assert (layer.selected_label, table.rowCount()) == (2, 2)
    press(qtbot, viewer, Qt.Key.Key_F)
    assert layer.selected_label == 1  # after the last comes the first
    press(qtbot, viewer, Qt.Key.Key_B)
    press(qtbot, viewer, Qt.Key.Key_B)
    assert (layer.selected_label, layer.mode) == (1, "paint")


def test_what_cannot_be_done_says_why(qtbot, viewer, dock, monkeypatch):
    said = []
    monkeypatch.setattr(keys, "notify", lambda _level, text: said.append(text))
    press(qtbot, viewer, Qt.Key.Key_S)
    assert said == ["Train a model first, or open a saved one."]


def test_without_the_dock_it_is_said_where_it_is(viewer, dock, monkeypatch):
    said = []
    monkeypatch.setattr(keys, "notify", lambda _level, text: said.append(text))
    viewer.window.remove_dock_widget(dock)
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    keys.train(viewer)
    assert len(said) == 1 and "Annotate and train" in said[0]


def test_with_the_last_dock_the_keys_are_let_go_and_with_the_next_bound_again(viewer, dock):
    ours = {KeyBinding.from_str(key) for key in DEFAULT_KEYS.values()}
    assert ours <= set(ViewerModel.class_keymap)
    get_settings().shortcuts.shortcuts = {
        **get_settings().shortcuts.shortcuts,
        "napari-unet:train": [KeyBinding.from_str("Shift+Y")],
    }
    viewer.window.remove_dock_widget(dock)
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not {key for key in ours if ViewerModel.class_keymap.get(key) is not None}
    again = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(again, name="again")
    bound = {key for key, call in ViewerModel.class_keymap.items() if call is not None}
    assert ours - bound == {KeyBinding.from_str("Shift+T")}
    assert KeyBinding.from_str("Shift+Y") in bound


def test_a_key_that_a_plugin_has_taken_stays_its_own(viewer):
    called = []
    ViewerModel.bind_key("Shift+T", called.append)
    try:
        dock = AnnotateAndTrain(viewer)
        viewer.window.add_dock_widget(dock, name="dock")
        assert ViewerModel.class_keymap[KeyBinding.from_str("Shift+T")] == called.append
        assert not action_manager._shortcuts.get("napari-unet:train")
        assert action_manager._shortcuts["napari-unet:live"]
    finally:
        ViewerModel.bind_key("Shift+T", None)


def test_they_are_in_naparis_preferences_and_changed_there_stay_changed(qtbot, viewer, dock):
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

    editor = ShortcutEditor()
    qtbot.addWidget(editor)
    group = editor.key_bindings_strs[editor.VIEWER_KEYBINDINGS]
    assert {f"napari-unet:{name}" for name in DEFAULT_KEYS} <= set(group)
    chosen = KeyBinding.from_str("Shift+Y")
    row = list(group).index("napari-unet:train")
    editor._table.item(row, editor._shortcut_col).setText(Shortcut(chosen).platform)
    assert action_manager._shortcuts["napari-unet:train"] == ["Shift-Y"]
    get_settings().shortcuts.shortcuts = editor.value()  # as the dialog does
    # The next start: napari binds what the settings say before the dock is opened.
    action_manager.unbind_shortcut("napari-unet:train")
    del action_manager._actions["napari-unet:train"]
    for key in get_settings().shortcuts.shortcuts["napari-unet:train"]:
        action_manager.bind_shortcut("napari-unet:train", key)
    keys.bind_keys(viewer, dock)
    assert action_manager._shortcuts["napari-unet:train"] == [chosen]
    assert chosen in ViewerModel.class_keymap
