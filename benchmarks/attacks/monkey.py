"""Somebody who does anything that the window allows, at random but the same for a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import napari
import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QWidget,
)

from benchmarks.attacks.ledger import Ledger
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.cells.dock import Cells
from napari_unet.widgets.layers.roles import Role, role_of

SIDE = 96
MOST_LAYERS = 14
SECONDS = "seconds_spin"
PAINTS = "teach_"  # copies cells into strokes, later on, which the ledger cannot foresee
OPENS = ("open_project_action", "restore_project_action")
MENUS = ("project_button", "teach_button")  # what is in them is chosen without opening them
Dock = type[AnnotateAndTrain] | type[BatchSegment] | type[Cells]
DOCKS: tuple[Dock, ...] = (AnnotateAndTrain, BatchSegment, Cells)
WORK = (
    "train_button",
    "live_switch",
    "segment_image_button",
    "segment_view_button",
    "segment_stop_button",
    "batch_run_button",
    "next_place_button",
    "find_cells_button",
    "find_all_cells_button",
    "stop_cells_button",
)


class Monkey:
    """Acts on a viewer and its docks, one random action at a time.

    Parameters
    ----------
    viewer
        A viewer with a window.
    seed
        Of everything it does.
    folder
        Where it saves models and finds some, broken ones too.
    ledger
        Is told of every stroke.
    """

    def __init__(self, viewer: napari.Viewer, seed: int, folder: Path, ledger: Ledger) -> None:
        self._viewer = viewer
        self._rng = np.random.default_rng(seed)
        self._folder = folder
        self._ledger = ledger
        self._docks: list[tuple[QWidget, object]] = []
        self.last = "begin"
        self.opened_project = False  # whose strokes take the place of those that are there
        self._next: Callable[[], None] = lambda: None
        self._actions: list[tuple[str, Callable[[], None], float]] = [
            ("paint", self._paint, 30),
            ("erase", self._erase, 3),
            ("undo", self._undo, 3),
            ("redo", self._redo, 2),
            ("add an image", self._add_image, 4),
            ("add labels", self._add_labels, 2),
            ("remove a layer", self._remove_layer, 3),
            ("rename a layer", self._rename_layer, 3),
            ("reorder the layers", self._reorder, 3),
            ("hide a layer", self._hide, 3),
            ("replace an image's data", self._replace_data, 1),
            ("switch between 2D and 3D", self._switch_ndisplay, 3),
            ("move a slider", self._move_slider, 5),
            ("move the camera", self._move_camera, 5),
            ("select a layer", self._select_layer, 4),
            ("choose another class", self._select_label, 4),
            ("press a button", self._press, 14),
            ("begin or stop work", self._work, 10),
            ("tick a box", self._tick, 5),
            ("choose in a list", self._choose, 6),
            ("turn a number", self._turn, 4),
            ("edit a class", self._edit_class, 3),
            ("open a dock", self._open_dock, 3),
            ("close a dock", self._close_dock, 1),
        ]
        weights = np.array([weight for *_, weight in self._actions])
        self._weights = weights / weights.sum()

    def begin(self) -> None:
        """Open an image and the dock to train in, and make a layer to paint on."""
        self._viewer.add_image(
            (255 * self._rng.random((SIDE, SIDE))).astype(np.uint8), name="cells"
        )
        self._open(AnnotateAndTrain)
        self._docks[0][0].findChild(QPushButton, "new_annotation_button").click()

    def plan(self) -> str:
        """Choose what to do next; returns its name."""
        name, self._next, _ = self._actions[self._rng.choice(len(self._actions), p=self._weights)]
        self.last = name
        return name

    def act(self) -> None:
        """Do what was chosen; ``last`` then says it more exactly."""
        self._next()

    def close_docks(self) -> None:
        """Close every dock that is open."""
        while self._docks:
            self._close_dock()

    @contextmanager
    def dialogs(self) -> Iterator[None]:
        """Answer the dialogs that would wait for a person."""
        with (
            patch.object(QFileDialog, "getOpenFileName", lambda *_a, **_k: (self._some_file(), "")),
            patch.object(QFileDialog, "getSaveFileName", lambda *_a, **_k: (self._new_file(), "")),
            patch.object(
                QFileDialog,
                "getExistingDirectory",
                lambda *_a, **_k: str(self._folder) if self._rng.random() < 0.8 else "",
            ),
            patch.object(QMessageBox, "question", lambda *_a, **_k: self._some_answer(_a)),
        ):
            yield

    # -- what is painted

    def _strokes(self) -> list[Labels]:
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels) and role_of(layer) in (None, Role.STROKES)
        ]

    def _paint(self) -> None:
        self._dab(int(self._rng.integers(1, 4)))

    def _erase(self) -> None:
        self._dab(0)

    def _dab(self, class_id: int) -> None:
        layer = self._one_of(self._strokes())
        if layer is None:
            return
        self._viewer.dims.ndisplay = 2  # napari cannot draw what is painted into a plane in 3D
        if layer not in self._ledger.layers:
            self._ledger.watch(layer)
        at = [int(self._rng.integers(length)) for length in layer.data.shape]
        layer.brush_size = int(self._rng.integers(1, 9))
        with layer.block_history():
            for _ in range(int(self._rng.integers(1, 12))):
                layer.paint(tuple(at), class_id)
                at[-1] = min(at[-1] + 2, layer.data.shape[-1] - 1)
        self._ledger.painted(layer, class_id)

    def _undo(self) -> None:
        self._revise(Labels.undo)

    def _redo(self) -> None:
        self._revise(Labels.redo)

    def _revise(self, how: Callable[[Labels], None]) -> None:
        layer = self._one_of(list(self._ledger.layers))
        if layer is not None and layer in self._viewer.layers:
            how(layer)
            self._ledger.changed(layer)

    # -- layers

    def _add_image(self) -> None:
        if len(self._viewer.layers) >= MOST_LAYERS:
            self._remove_layer()
        kind = int(self._rng.integers(6))
        rng = self._rng
        shape = [(SIDE, SIDE), (3, SIDE, SIDE), (SIDE, 70, 3), (2, 3, 40, 50), (1, 1), (61, 37)][
            kind
        ]
        values = rng.random(shape)
        data = values if rng.random() < 0.3 else (255 * values).astype(np.uint8)
        if rng.random() < 0.1:
            data = np.zeros_like(data)
        scale = None if rng.random() < 0.5 or kind == 2 else [0.5] * len(shape)
        self._viewer.add_image(data, name=f"image {kind}", rgb=kind == 2, scale=scale)

    def _add_labels(self) -> None:
        image = self._one_of([x for x in self._viewer.layers if isinstance(x, Image)])
        if image is None or len(self._viewer.layers) >= MOST_LAYERS:
            return
        shape = image.data.shape[:-1] if image.rgb else image.data.shape
        if self._rng.random() < 0.2:
            shape = (17, 19)
        self._viewer.add_labels(np.zeros(shape, np.uint8), name="own labels")

    def _remove_layer(self) -> None:
        # The lowest stays: napari 0.9.2 by itself ends in Mesa's software OpenGL (22.3) when the
        # lowest image is removed and the camera then moves.
        layer = self._one_of(list(self._viewer.layers)[1:])
        if layer is not None:
            self.last = f"remove {layer.name}"
            self._viewer.layers.remove(layer)
            if isinstance(layer, Labels):
                self._ledger.forget(layer)

    def _rename_layer(self) -> None:
        layer = self._one_of(list(self._viewer.layers))
        if layer is not None:
            layer.name = str(self._rng.choice(["a", "b/c", "../d", "", "é" * 40, "image 0"]))

    def _reorder(self) -> None:
        count = len(self._viewer.layers)
        if count > 1:
            one, other = (int(i) for i in self._rng.integers(count, size=2))
            self._viewer.layers.move(one, other)

    def _hide(self) -> None:
        layer = self._one_of(list(self._viewer.layers))
        if layer is not None:
            layer.visible = not layer.visible

    def _replace_data(self) -> None:
        image = self._one_of([x for x in self._viewer.layers if isinstance(x, Image)])
        if image is None or image.rgb:
            return
        shape = image.data.shape
        if self._rng.random() < 0.5:
            shape = (*shape[:-1], max(1, shape[-1] - 3))
        image.data = (255 * self._rng.random(shape)).astype(image.data.dtype)

    # -- what is looked at

    def _switch_ndisplay(self) -> None:
        self._viewer.dims.ndisplay = 5 - self._viewer.dims.ndisplay

    def _move_slider(self) -> None:
        dims = self._viewer.dims
        if dims.ndim > 2:
            axis = int(self._rng.integers(dims.ndim - 2))
            dims.set_current_step(axis, int(self._rng.integers(max(1, dims.nsteps[axis]))))

    def _move_camera(self) -> None:
        camera = self._viewer.camera
        camera.zoom = float(np.clip(camera.zoom * self._rng.uniform(0.5, 2.0), 0.05, 50))
        if self._rng.random() < 0.3:
            self._viewer.reset_view()

    def _select_layer(self) -> None:
        layer = self._one_of(list(self._viewer.layers))
        if layer is not None:
            self._viewer.layers.selection.active = layer

    def _select_label(self) -> None:
        layer = self._one_of(self._strokes())
        if layer is not None:
            layer.selected_label = int(self._rng.integers(0, 6))

    # -- the docks

    def _press(self) -> None:
        buttons = self._children(QAbstractButton, but=QCheckBox)
        chosen = self._one_of(
            [x for x in buttons if x.objectName() not in MENUS] + self._menu_actions()
        )
        if chosen is not None:
            self.last = f"press {chosen.objectName() or chosen.text()}"
            self.opened_project |= chosen.objectName() in OPENS
            chosen.trigger() if isinstance(chosen, QAction) else chosen.click()

    def _work(self) -> None:
        """Train, segment, run a batch or learn live, or stop it: what stands on the button."""
        button = self._one_of(
            [x for x in self._children(QAbstractButton) if x.objectName() in WORK]
        )
        if button is not None:
            self.last = f"press {button.objectName()}"
            button.click()

    def _tick(self) -> None:
        box = self._one_of(self._children(QCheckBox))
        if box is not None:
            self.last = f"tick {box.objectName()}"
            box.click()

    def _choose(self) -> None:
        combo = self._one_of(self._children(QComboBox))
        if combo is not None and combo.count():
            self.last = f"choose in {combo.objectName()}"
            if combo.objectName() == "device_setting":
                return
            index = int(self._rng.integers(combo.count()))
            combo.setCurrentIndex(index)
            combo.activated.emit(index)

    def _turn(self) -> None:
        spin = self._one_of(
            [*self._children(QSpinBox), *self._children(QDoubleSpinBox)],
        )
        if spin is None:
            return
        self.last = f"turn {spin.objectName()}"
        if spin.objectName() == SECONDS:
            spin.setValue(int(self._rng.integers(1, 5)))
        else:
            spin.stepBy(int(self._rng.integers(-3, 4)))

    def _edit_class(self) -> None:
        session = self._session()
        if session is None:
            return
        if self._rng.random() < 0.3 and len(session.classes) < 6:
            session.add_class()
        else:
            entry = session.classes[int(self._rng.integers(len(session.classes)))]
            session.rename_class(entry.id, f"class {int(self._rng.integers(100))}")

    def _open_dock(self) -> None:
        self._open(DOCKS[int(self._rng.choice(len(DOCKS), p=(0.6, 0.2, 0.2)))])

    def _open(self, kind: Dock) -> None:
        if any(isinstance(widget, kind) for widget, _ in self._docks):
            return
        widget = kind(self._viewer)
        dock = self._viewer.window.add_dock_widget(widget, name=kind.__name__)
        for spin in widget.findChildren(QSpinBox, SECONDS):
            spin.setValue(2)
        self._docks.append((widget, dock))

    def _close_dock(self) -> None:
        if not self._docks:
            return
        _, dock = self._docks.pop(int(self._rng.integers(len(self._docks))))
        self._viewer.window.remove_dock_widget(dock)  # type: ignore[arg-type]

    def _session(self) -> object:
        for widget, _ in self._docks:
            return widget.session  # type: ignore[attr-defined]
        return None

    def _children(self, kind: type, but: type | None = None) -> list:
        return [
            child
            for widget, _ in self._docks
            for child in widget.findChildren(kind)
            if child.isEnabled()
            and child.isVisible()
            and not (but is not None and isinstance(child, but))
        ]

    def _menu_actions(self) -> list[QAction]:
        """Return what can be chosen in the menus of the docks, but what paints."""
        return [
            action
            for widget, _ in self._docks
            for action in widget.findChildren(QAction)
            if action.isEnabled()
            and action.isVisible()
            and action.objectName().endswith("_action")
            and not action.objectName().startswith(PAINTS)
        ]

    # -- files and questions

    def _some_file(self) -> str:
        files = sorted(path for path in self._folder.iterdir() if path.is_file())
        chosen = self._one_of([*files, None])
        return "" if chosen is None else str(chosen)

    def _new_file(self) -> str:
        if self._rng.random() < 0.2:
            return ""
        return str(self._folder / f"model {int(self._rng.integers(4))}.unet")

    def _some_answer(self, arguments: tuple) -> object:
        buttons = next((a for a in arguments if isinstance(a, QMessageBox.StandardButton)), None)
        offered = [
            button
            for button in QMessageBox.StandardButton
            if buttons is not None and button and (buttons & button) == button
        ]
        with suppress(IndexError):
            return offered[int(self._rng.integers(len(offered)))]
        return QMessageBox.StandardButton.Cancel

    def _one_of(self, options: list) -> Layer | None:
        return options[int(self._rng.integers(len(options)))] if options else None
