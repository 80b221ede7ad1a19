"""Draw every picture of README and docs with the program itself: ``make pictures``.

Needs a display for the pictures of the window (a virtual one will do), and about four minutes.
The images are a sample that scikit-image ships and objects that are drawn here.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from scipy import ndimage

from napari_unet.commands.train import Trained, train_with_bar
from napari_unet.core.images.box import Tile, mirrored
from napari_unet.core.labels.border_weights import (
    border_weights,
    separate_touching,
)
from napari_unet.core.labels.classes import BACKGROUND, PALETTE
from napari_unet.core.labels.scribble_border_weights import scribble_border_weights
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.tiling import plan
from napari_unet.core.pictures import class_colors, overlay, write_curves
from napari_unet.core.prediction.predict import predict
from napari_unet.core.training.augment import (
    displacements,
    plain_positions,
    sample,
    sampling_positions,
)
from napari_unet.samples import Sample, tissue

IMAGES = Path(__file__).parent / "images"
SECONDS = 50
BLUE, YELLOW = PALETTE[5], PALETTE[4]


def main() -> None:
    """Draw the pictures, all of them or those that are named."""
    drawers: dict[str, Callable[[], None]] = {
        "border-weights": draw_border_weights,
        "elastic": draw_elastic,
        "overlap-tile": draw_overlap_tile,
        "overlay": draw_overlay,
        "window": draw_window,
        "live": draw_live,
        "cells": draw_cells,
        "next-place": draw_next_place,
        "folder": draw_folder,
        "another-computer": draw_another_computer,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=drawers, default=list(drawers))
    IMAGES.mkdir(exist_ok=True)
    for name in parser.parse_args().only:
        drawers[name]()


def draw_overlay() -> None:
    """Draw strokes beside what a minute of training makes of them, and the training's curves."""
    demo = tissue()
    trained = _train(demo)
    labels = predict(trained.model, demo.image)
    figure, axes = _panels(3, width=9.6)
    plane = np.moveaxis(demo.image, -1, 0)
    _show(axes[0], demo.image, "image")
    _show(axes[1], _painted(demo), "strokes")
    _show(axes[2], overlay(plane, labels, demo.classes, BACKGROUND), "segmentation")
    _save_figure(figure, "overlay.png")
    write_curves(IMAGES / "loss.png", trained.steps, trained.scores)


def draw_border_weights() -> None:
    """Draw the border weights of touching objects, and those of strokes."""
    objects = _cells(np.random.default_rng(3), side=160, count=9)
    colors = ListedColormap(["#FFFFFF", *[PALETTE[i % 5] for i in range(objects.max())]])
    strokes = _strokes_on(objects)
    figure, axes = _panels(4, width=11)
    axes[0].imshow(objects, cmap=colors, interpolation="nearest")
    axes[0].set_title("objects")
    heat = {"cmap": "magma", "vmin": 0, "vmax": 10}
    axes[1].imshow(border_weights(objects), **heat)
    axes[1].set_title("their border weights")
    axes[2].imshow(strokes, cmap=ListedColormap(["#FFFFFF", *PALETTE[:2]]), interpolation="nearest")
    axes[2].contour(separate_touching(objects) > 0, levels=[0.5], colors="#999999", linewidths=0.8)
    axes[2].set_title("strokes")
    shown = axes[3].imshow(scribble_border_weights(strokes), **heat)
    axes[3].set_title("their border weights")
    figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.01, label="added to the weight")
    _save_figure(figure, "border-weights.png")


def draw_elastic() -> None:
    """Draw a patch as it is, elastically deformed, and as a training sees it."""
    side = 160
    objects = _cells(np.random.default_rng(3), side=side, count=9)
    image = torch.from_numpy(_textured(objects))[None]
    target = torch.from_numpy((separate_touching(objects) > 0) + 1.0)[None].float()
    generator = torch.Generator().manual_seed(5)
    plain = plain_positions((side, side))
    field = displacements(generator, 1, (side, side), elastic=10.0)[0].permute(1, 2, 0)
    full = sampling_positions(generator, 1, (side, side), elastic=10.0)[0]
    figure, axes = _panels(3, width=9)
    titles = ("patch", "elastic deformation, 10 px", "with rotation, scale and flip")
    centre = (side - 1) / 2
    for ax, positions, title in zip(axes, (plain, plain + field, full), titles, strict=True):
        patch, labels = sample(image, target, positions + centre)
        ax.imshow(patch[0], cmap="gray", vmin=0, vmax=1)
        ax.contour(labels[0], levels=[1.5], colors=PALETTE[1], linewidths=1)
        if (labels == 0).any():
            ax.contourf(labels[0], levels=[-0.5, 0.5], colors="none", hatches=["///"])
        ax.set_title(title)
    rows, columns = np.mgrid[10:side:20, 10:side:20]
    moved = -field[rows, columns]  # a pixel is read from where the field points, so it moves back
    axes[1].quiver(
        columns, rows, moved[..., 1], moved[..., 0], color=YELLOW, angles="xy", width=0.006
    )
    _save_figure(figure, "elastic.png")


def draw_overlap_tile() -> None:
    """Draw a tile's output and the input it needs, mirrored at the image's border."""
    config = PRESETS["compact"].network(3, 3)
    image, margin = tissue().image, config.margins[-1]
    size = image.shape[0]
    around = mirrored(-margin, size + margin, size)
    canvas = image[around[:, None], around].astype(float) / 255
    outside = np.ones(canvas.shape[:2], dtype=bool)
    outside[margin:-margin, margin:-margin] = False
    canvas[outside] = 0.45 * canvas[outside] + 0.55
    figure, (ax,) = _panels(1, width=4.4)
    ax.imshow(canvas, extent=(-margin, size + margin, size + margin, -margin))
    tiles = list(plan(config, Tile((0, size), (0, size)), 256))
    for tile in tiles:
        ax.add_patch(_frame(tile, 0, color="black", linewidth=1))
    ax.add_patch(_frame(tiles[0], margin, color=BLUE, linewidth=2.5, label="read"))
    ax.add_patch(_frame(tiles[0], 0, color=YELLOW, linewidth=2.5, label="computed"))
    ax.legend(loc="lower right", framealpha=1)
    _save_figure(figure, "overlap-tile.png")


def draw_window() -> None:
    """Train in the real window, then segment several layers in it, and photograph both."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.environ["XDG_DATA_HOME"] = folder  # where strokes are kept for the next start
        import napari

        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(1360, 880)
        viewer.open_sample("napari-unet-live", "tissue")
        _train_in_window(viewer)
        _photograph(viewer, "window.png")
        _segment_layers(viewer)
        _photograph(viewer, "batch.png")
        viewer.close()


def draw_live() -> None:
    """Switch Live on in the real window, correct it with a stroke, and photograph it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.environ["XDG_DATA_HOME"] = folder
        import napari
        from qtpy.QtWidgets import QCheckBox

        from napari_unet.widgets.desk.shared import shared_by

        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(1360, 880)
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
        session = shared_by(viewer, dock).session
        viewer.open_sample("napari-unet-live", "tissue")
        _wait(lambda: bool(session.device))
        viewer.reset_view(margin=0.01)
        switch = dock.findChild(QCheckBox, "live_switch")
        switch.click()
        _wait(lambda: session.live.curve is not None and len(session.live.curve.scores) > 5, 180)
        strokes = viewer.layers["strokes on stained tissue"]
        strokes.brush_size = 6
        with strokes.block_history():
            for column in range(60, 90):
                strokes.paint((330, column), 2)
        _wait(lambda: len(session.live.curve.corrective) > 0, 120)
        count = len(session.live.curve.scores)
        _wait(lambda: len(session.live.curve.scores) > count + 8, 180)
        _photograph(viewer, "live.png")
        switch.click()
        viewer.close()


def draw_folder() -> None:
    """Paint on two images of a folder in the real window, and photograph the list."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.environ["XDG_DATA_HOME"] = folder
        import napari
        from qtpy.QtWidgets import QPushButton

        from napari_unet.widgets.desk.shared import shared_by

        plate = Path(folder) / "plate 3"
        plate.mkdir()
        for number in range(1, 25):
            objects = _cells(np.random.default_rng(number), side=360, count=20)
            pixels = (255 * np.clip(_textured(objects), 0, 1)).astype(np.uint8)
            Image.fromarray(pixels).save(plate / f"field {number}.png")
        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(1360, 880)
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
        files = shared_by(viewer, dock).files
        dock.folder_images.list.choose(plate)
        _wait(lambda: files.shown is not None)
        dock.findChild(QPushButton, "new_annotation_button").click()
        for number in (1, 2):
            strokes = viewer.layers[f"strokes on field {number}"]
            objects = _cells(np.random.default_rng(number), side=360, count=20)
            painted = _strokes_on(objects)
            painted[np.indices(painted.shape).sum(axis=0) % 120 > 25] = 0
            strokes.data = painted
            if number == 1:
                dock.findChild(QPushButton, "next_image_button").click()
                _wait(lambda: files.shown == plate / "field 2.png")
        viewer.reset_view(margin=0.01)
        _wait(lambda: files.painted == 2)
        _photograph(viewer, "folder.png")
        viewer.close()


def draw_another_computer() -> None:
    """Compute on ``gpu1``, which a stand-in for ssh brings here, and photograph the choice."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        import napari

        from napari_unet.widgets.annotate.computer_menu import ComputerDialog, ComputerMenu
        from napari_unet.widgets.desk.shared import shared_by

        ssh = Path(folder) / "ssh"
        start = "from napari_unet.commands.learner import run; run()"
        ssh.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{start}'\n")
        ssh.chmod(0o755)
        os.environ["PATH"] = os.pathsep.join([folder, os.environ["PATH"]])
        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(1360, 880)
        viewer.open_sample("napari-unet-live", "tissue")
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
        session = shared_by(viewer, dock).session
        menu = dock.findChild(ComputerMenu)

        def ask() -> ComputerDialog:
            menu.choices.aboutToShow.emit()
            menu.choices.actions()[-1].trigger()
            return dock.findChild(ComputerDialog)

        dialog = ask()
        dialog.host.setText("gpu1")
        dialog.accept()
        _wait(lambda: session.device.startswith("gpu1: ") and not session.device.endswith("…"))
        viewer.reset_view(margin=0.01)
        dialog = ask()
        _wait_ms(1500)
        picture = viewer.screenshot(canvas_only=False, flash=False)[..., :3].copy()
        dialog.grab().save(str(Path(folder) / "dialog"), "PNG")
        above = np.asarray(Image.open(Path(folder) / "dialog").convert("RGB"))
        place = menu.mapTo(viewer.window._qt_window, menu.rect().topLeft())
        top, left = place.y() - 20, place.x() - above.shape[1] - 295
        picture[top : top + above.shape[0], left : left + above.shape[1]] = above
        _save(picture, "another-computer.png")
        dialog.reject()
        viewer.close()


def draw_next_place() -> None:
    """Train in the real window, go where the model is unsure, and photograph it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.environ["XDG_DATA_HOME"] = folder
        import napari
        from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget
        from superqt import QCollapsible

        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(1360, 880)
        viewer.open_sample("napari-unet-live", "tissue")
        dock = _train_in_window(viewer)
        viewer.layers["stained tissue segmentation"].visible = False
        dock.findChild(QPushButton, "next_place_button").click()
        status = dock.findChild(QLabel, "next_place_status")
        _wait(lambda: "unsure" in status.text())
        _photograph(viewer, "next-place.png")
        viewer.window.resize(1360, 980)
        dock.findChild(QCollapsible, "class_scores_collapsible").expand()
        viewer.layers["stained tissue uncertainty (%)"].visible = False
        viewer.layers["stained tissue segmentation"].visible = True
        scores = dock.findChild(QTableWidget, "class_scores_table")
        scores.cellClicked.emit(scores.rowCount() - 1, 0)
        _photograph(viewer, "class-scores.png")
        viewer.close()


def draw_cells() -> None:
    """Find drawn cells in the real window, select one, and photograph it; then those of fields."""
    taught, shown = (_cells(np.random.default_rng(i), side=320, count=49) for i in (4, 3))
    trained = train_with_bar(
        [_textured(taught)],
        [taught],
        label_kind="instances",
        steps=200,
        seed=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        import napari
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QPushButton, QTableView

        trained.model.save(Path(folder) / "cells.unet")
        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(1360, 880)
        viewer.add_image(_textured(shown), name="cells", scale=(0.65, 0.65), units=("um", "um"))
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Cells")
        dock.session.load_model(Path(folder) / "cells.unet")
        button = dock.findChild(QPushButton, "find_cells_button")
        _wait(button.isEnabled)
        viewer.reset_view(margin=0.01)
        button.click()
        _wait(lambda: dock.finding.settled, 120)
        viewer.layers.selection.active = viewer.layers["cells cells"]
        table = dock.findChild(QTableView, "cells_table")
        table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        table.selectRow(2)
        _photograph(viewer, "cells.png")
        _show_kinds(viewer, dock)
        _show_fields(viewer, dock)
        viewer.close()


def _show_kinds(viewer: Any, dock: Any) -> None:
    """Teach two kinds by some cells, and photograph which kind each has."""
    from qtpy.QtWidgets import QPushButton, QTableWidget

    record = dock.book.record
    (key,) = record.tables
    table = record.tables[key]
    sizes = next(values for name, values in table.items() if name.startswith("area"))
    order = table["id"][np.argsort(sizes)].tolist()
    for name, cells in (("small", order[:3]), ("large", order[-3:])):
        dock.findChild(QPushButton, "new_kind_button").click()
        kinds = dock.findChild(QTableWidget, "kinds_table")
        item = kinds.item(kinds.rowCount() - 1, 0)
        item.setText(name)
        kinds.closePersistentEditor(item)
        kinds.setFocus()
        dock.kinds.give(dock.session.kinds.kinds[-1].id, [(key, cell) for cell in cells])
    _wait(lambda: len(record.kinds.get(key, {})) == len(order), 120)
    dock.selection.clear()
    _photograph(viewer, "kinds.png")


def _show_fields(viewer: Any, dock: Any) -> None:
    """Find the cells of four planes, and photograph how many each has."""
    from qtpy.QtWidgets import QCheckBox, QPushButton

    for layer in list(viewer.layers):
        viewer.layers.remove(layer)
    counts = (16, 25, 36, 49)
    planes = [_cells(np.random.default_rng(count), side=320, count=count) for count in counts]
    stack = np.stack([_textured(plane) for plane in planes])
    viewer.add_image(stack, name="four fields", scale=(1, 0.65, 0.65), units=("um",) * 3)
    button = dock.findChild(QPushButton, "find_all_cells_button")
    _wait(button.isEnabled)
    viewer.reset_view(margin=0.01)
    button.click()
    _wait(lambda: dock.finding.settled, 120)
    dock.findChild(QCheckBox, "by_field_check").click()
    _wait_ms(2000)
    _photograph(viewer, "fields.png")


def _train_in_window(viewer: Any) -> Any:
    from qtpy.QtWidgets import QPushButton, QSpinBox

    from napari_unet.session.state import State
    from napari_unet.widgets.desk.shared import shared_by

    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
    session = shared_by(viewer, dock).session
    button = dock.findChild(QPushButton, "train_button")
    dock.findChild(QSpinBox, "seconds_spin").setValue(SECONDS)
    _wait(lambda: button.isEnabled() and bool(session.device))
    viewer.reset_view(margin=0.01)
    button.click()
    _wait(lambda: session.state is State.IDLE and not session.predictions.running, SECONDS + 60)
    return dock


def _segment_layers(viewer: Any) -> None:
    from qtpy.QtWidgets import QPushButton

    image = viewer.layers["stained tissue"].data
    viewer.layers.clear()
    viewer.add_image(image[:300, :256], name="section 1")
    viewer.add_image(image[:300, 256:], name="section 2", translate=(0, 270))
    viewer.add_image(image[300:, :, 0], name="one channel", visible=False)
    viewer.reset_view(margin=0.05)
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-unet-live", "Batch segment open layers", tabify=True
    )
    button = dock.findChild(QPushButton, "batch_run_button")
    _wait(button.isEnabled)
    button.click()
    _wait(lambda: button.text() == "&Run")


def _train(demo: Sample) -> Trained:
    return train_with_bar(
        [demo.image],
        [demo.strokes],
        classes=demo.classes,
        seconds=SECONDS,
        seed=0,
    )


def _painted(demo: Sample) -> np.ndarray:
    """Lay the strokes solid over the faded image, (Y, X, 3) uint8."""
    picture = 0.6 * demo.image.astype(float) / 255 + 0.4
    for class_id, color in class_colors(demo.classes).items():
        picture[demo.strokes == class_id] = color
    return (255 * picture).round().astype(np.uint8)


def _cells(rng: np.random.Generator, *, side: int, count: int) -> np.ndarray:
    """Draw touching cells with wavy borders, (side, side) int32, 0 background."""
    waves = ndimage.gaussian_filter(rng.normal(size=(2, side, side)), (0, 12, 12))
    rows, columns = np.mgrid[:side, :side] + 2.5 * waves / waves.std()
    grid = np.linspace(0, side, int(np.ceil(np.sqrt(count))) + 1)[:-1] + side / 6
    centres = np.array([(r, c) for r in grid for c in grid])[:count]
    centres = centres + rng.uniform(-side / 14, side / 14, centres.shape)
    distance = np.hypot(rows[..., None] - centres[:, 0], columns[..., None] - centres[:, 1])
    radius = rng.uniform(0.14, 0.19, len(centres)) * side
    nearest = (distance / radius).argmin(axis=-1)
    inside = (distance / radius).min(axis=-1) < 1
    return np.where(inside, nearest + 1, 0).astype(np.int32)


def _textured(objects: np.ndarray) -> np.ndarray:
    """Return a picture of bright cells on a dark ground, (Y, X) float32."""
    depth = ndimage.distance_transform_edt(separate_touching(objects) > 0)
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=objects.shape), 1)
    return (0.25 + 0.5 * np.tanh(depth / 5) + 0.15 * noise).astype(np.float32)


def _strokes_on(objects: np.ndarray) -> np.ndarray:
    """Paint class 2 across the objects, here and there, and class 1 in some gaps between them."""
    separated = separate_touching(objects)
    rows = np.arange(objects.shape[0])[:, None]
    across = (rows + np.arange(objects.shape[1]) // 2) % 40 < 16
    inside = ndimage.distance_transform_edt(separated > 0) > 1.5
    gap = (separated == 0) & (border_weights(objects) > 1.5)
    strokes = np.zeros(objects.shape, dtype=np.uint8)
    strokes[inside & across] = 2
    strokes[gap & (rows > 30)] = 1
    return strokes


def _panels(count: int, *, width: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, width / count + 0.25), dpi=110, layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(1, count)))
    for ax in axes:
        ax.set_axis_off()
    return figure, axes


def _show(ax: Axes, picture: np.ndarray, title: str) -> None:
    ax.imshow(picture)
    ax.set_title(title)


def _frame(tile: Tile, margin: int, **style: object) -> Rectangle:
    """Return a tile's outline, widened by a margin."""
    (top, bottom), (left, right) = tile.rows, tile.columns
    corner = (left - margin, top - margin)
    height, width = bottom - top + 2 * margin, right - left + 2 * margin
    return Rectangle(corner, width, height, fill=False, **style)


def _save_figure(figure: Figure, name: str) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    buffer.seek(0)
    _save(np.asarray(Image.open(buffer).convert("RGB")), name)


def _save(picture: np.ndarray, name: str) -> None:
    """Write a (Y, X, 3) uint8 picture with a palette of 256 colours, a third of the bytes."""
    few_colors = Image.fromarray(picture).quantize(256, kmeans=1, dither=Image.Dither.NONE)
    few_colors.save(IMAGES / name, optimize=True)
    print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")


def _photograph(viewer: Any, name: str) -> None:
    _wait_ms(1500)
    _save(viewer.screenshot(canvas_only=False, flash=False)[..., :3], name)


def _wait(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the window live until something is so, and for half a second more."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get ready")
        _wait_ms(100)
    _wait_ms(500)


def _wait_ms(milliseconds: int) -> None:
    from qtpy.QtTest import QTest

    QTest.qWait(milliseconds)


if __name__ == "__main__":
    main()
