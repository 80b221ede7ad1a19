"""What can be done with a key: the commands of the manifest, and napari's keys for them.

napari reads the manifest's commands, for its command palette, but not yet its key bindings. So they
are given to napari's table of actions when the dock opens, from where its preferences show and
change them.
"""

from collections.abc import Callable
from functools import partial
from weakref import ReferenceType, WeakKeyDictionary, ref

from napari import layers
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.interactions import Shortcut
from napari.utils.key_bindings import coerce_keybinding
from napari.viewer import Viewer
from qtpy.QtWidgets import QAbstractButton, QTableWidget, QWidget

from napari_unet.errors import Level
from napari_unet.widgets.qt.connections import when_destroyed
from napari_unet.widgets.qt.notify import notify

# By the last part of a command's name; what each does is a function of that name below.
DEFAULT_KEYS = {
    "train": "Shift+T",
    "live": "Shift+O",
    "segment_image": "Shift+S",
    "segment_view": "Shift+W",
    "new_strokes": "Shift+N",
    "next_place": "N",
    "next_image": "Shift+Right",
    "previous_image": "Shift+Left",
    "next_class": "Shift+F",
    "previous_class": "Shift+B",
}
_NO_DOCK = "Open Plugins > U-Net > Annotate and train first."

_docks: WeakKeyDictionary[ViewerModel, ReferenceType[QWidget]] = WeakKeyDictionary()


def train(viewer: Viewer) -> None:
    """U-Net: train, or stop the training."""
    _click(viewer, "train_button")


def live(viewer: Viewer) -> None:
    """U-Net: switch Live on or off."""
    _click(viewer, "live_switch")


def segment_image(viewer: Viewer) -> None:
    """U-Net: segment the image."""
    _click(viewer, "segment_image_button")


def segment_view(viewer: Viewer) -> None:
    """U-Net: segment what is in view."""
    _click(viewer, "segment_view_button")


def new_strokes(viewer: Viewer) -> None:
    """U-Net: make a layer for strokes."""
    _click(viewer, "new_annotation_button")


def next_place(viewer: Viewer) -> None:
    """U-Net: go to the next place to paint."""
    _click(viewer, "next_place_button")


def next_image(viewer: Viewer) -> None:
    """U-Net: show the next image of the folder."""
    _click(viewer, "next_image_button")


def previous_image(viewer: Viewer) -> None:
    """U-Net: show the previous image of the folder."""
    _click(viewer, "previous_image_button")


def next_class(viewer: Viewer) -> None:
    """U-Net: paint with the next class."""
    _choose_class(viewer, 1)


def previous_class(viewer: Viewer) -> None:
    """U-Net: paint with the previous class."""
    _choose_class(viewer, -1)


_COMMANDS = (
    train,
    live,
    segment_image,
    segment_view,
    new_strokes,
    next_place,
    next_image,
    previous_image,
    next_class,
    previous_class,
)


def with_key(tip: str, command: str) -> str:
    """Return a tooltip with the key that napari has for a command, if it has one."""
    keys = action_manager._shortcuts.get(f"napari-unet:{command}", ())
    return f"{tip} ({' or '.join(str(Shortcut(key)) for key in keys)})" if keys else tip


def bind_keys(viewer: ViewerModel, dock: QWidget) -> None:
    """Have the keys act on a viewer's dock for as long as it is open.

    A key that anything else in napari uses already is left to that; who has chosen other keys in
    napari's preferences keeps them.
    """
    _docks[viewer] = ref(dock)
    when_destroyed(dock, partial(_forget, viewer))
    chosen = get_settings().shortcuts.shortcuts
    for command in _COMMANDS:
        name = _action(command)
        if name in action_manager._actions:
            continue
        action_manager.register_action(
            name, command, (command.__doc__ or "").rstrip("."), ViewerModel
        )
        key = coerce_keybinding(DEFAULT_KEYS[command.__name__])
        is_free = not any(key in taken for taken in _keymaps(viewer))
        for wanted in chosen.get(name, [key] if is_free else []):
            action_manager.bind_shortcut(name, wanted)


def _forget(viewer: ViewerModel) -> None:
    """Let go of the keys with the last dock: napari binds them for all viewers at once."""
    _docks.pop(viewer, None)
    if not _docks:
        for name in map(_action, _COMMANDS):
            if name in action_manager._actions:
                action_manager.unbind_shortcut(name)
                del action_manager._actions[name]


def _action(command: Callable[[Viewer], None]) -> str:
    return f"napari-unet:{command.__name__}"


def _keymaps(viewer: ViewerModel) -> list[dict]:
    """Return what keys do already, in the viewer and in each kind of layer."""
    kinds = [kind for kind in vars(layers).values() if hasattr(kind, "class_keymap")]
    return [viewer.keymap, *(kind.class_keymap for kind in (ViewerModel, Viewer, *kinds))]


def _dock_of(viewer: Viewer) -> QWidget | None:
    there = _docks.get(getattr(viewer, "__wrapped__", viewer))
    dock = None if there is None else there()
    if dock is None:
        notify(Level.INFO, _NO_DOCK)
    return dock


def _click(viewer: Viewer, name: str) -> None:
    """Press a button; where it cannot be pressed now, say why not, as its tooltip does."""
    dock = _dock_of(viewer)
    if dock is None:
        return
    button = dock.findChild(QAbstractButton, name)
    if button.isEnabled():
        button.click()
    else:
        notify(Level.INFO, button.toolTip())


def _choose_class(viewer: Viewer, step: int) -> None:
    dock = _dock_of(viewer)
    if dock is None:
        return
    table = dock.findChild(QTableWidget, "class_table")
    row = table.currentRow()
    to = (row + step) % table.rowCount() if row >= 0 else 0
    table.setCurrentCell(to, 1)
