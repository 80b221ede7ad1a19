"""Film the real window: strokes are painted, a training runs, its segmentation gets better.

Called by ``make pictures``. The frames are photographs of the window as it is then; only how long
each is shown is chosen here.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_unet.samples import tissue

TARGET = Path(__file__).parent / "images" / "paint-train-predict.gif"
WINDOW = (1180, 800)
WIDTH = 700  # pixels of the film
SECONDS = 30
_STROKES_A_FRAME = 4
_MOST_BYTES = 2_000_000


def main() -> None:
    """Write the film."""
    with _window() as (viewer, dock):
        frames = [*_painting(viewer, dock), *_training(viewer, dock)]
    _write(frames)


@contextmanager
def _window() -> Iterator[tuple[Any, Any]]:
    """Open napari with the dock, as a newcomer has it, and an image without strokes."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.environ["XDG_DATA_HOME"] = folder
        import napari

        from napari_unet.widgets.desk.shared import shared_by

        viewer = napari.Viewer(title="napari-unet")
        viewer.window.resize(*WINDOW)
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
        viewer.add_image(tissue().image, name="stained tissue", rgb=True)
        session = shared_by(viewer, dock).session
        _wait(lambda: bool(session.device))
        viewer.reset_view(margin=0.01)
        yield viewer, dock
        viewer.close()


def _painting(viewer: Any, dock: Any) -> Iterator[tuple[np.ndarray, int]]:
    """Press New strokes and paint the sample's, a few at a time; yield frames with their time."""
    from qtpy.QtWidgets import QPushButton
    from scipy import ndimage

    _wait_ms(1000)
    yield _photograph(viewer), 900
    dock.findChild(QPushButton, "new_annotation_button").click()
    layer = viewer.layers["strokes on stained tissue"]
    demo = tissue()
    strokes = [
        (class_id, labels == number)
        for class_id in (entry.id for entry in demo.classes)
        for labels, count in [ndimage.label(demo.strokes == class_id, np.ones((3, 3)))]
        for number in range(1, count + 1)
    ]
    for number, (class_id, where) in enumerate(strokes, start=1):
        layer.selected_label = class_id
        layer.data_setitem(np.nonzero(where), class_id)
        if number % _STROKES_A_FRAME == 0 or number == len(strokes):
            _wait_ms(400)
            yield _photograph(viewer), 350


def _training(viewer: Any, dock: Any) -> Iterator[tuple[np.ndarray, int]]:
    """Press Train; yield a frame every few seconds, and the result."""
    from qtpy.QtWidgets import QPushButton, QSpinBox

    from napari_unet.session.state import State

    button, session = dock.findChild(QPushButton, "train_button"), dock.session
    dock.findChild(QSpinBox, "seconds_spin").setValue(SECONDS)
    _wait(button.isEnabled)
    button.click()
    while session.state is not State.IDLE:
        _wait_ms(4000)
        yield _photograph(viewer), 350
    _wait(lambda: not session.predictions.running)
    viewer.layers["strokes on stained tissue"].visible = False
    _wait_ms(1500)
    yield _photograph(viewer), 3500


def _write(frames: list[tuple[np.ndarray, int]]) -> None:
    """Write the frames with one palette for all, so that what stays the same takes no room."""
    pictures = [Image.fromarray(frame).convert("RGB") for frame, _ in frames]
    height = round(pictures[0].height * WIDTH / pictures[0].width)
    small = [picture.resize((WIDTH, height), Image.Resampling.LANCZOS) for picture in pictures]
    both = Image.new("RGB", (WIDTH, 2 * height))  # strokes of all classes, and the result
    both.paste(small[len(small) // 2], (0, 0))
    both.paste(small[-1], (0, height))
    palette = both.quantize(128, kmeans=1)
    indexed = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in small]
    indexed[0].save(
        TARGET,
        save_all=True,
        append_images=indexed[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        optimize=False,
    )
    size = TARGET.stat().st_size
    print(f"{TARGET.name}: {len(frames)} frames, {size / 1000:.0f} kB")
    if size >= _MOST_BYTES:
        raise SystemExit(f"{TARGET.name} is too large for the top of a page")


def _photograph(viewer: Any) -> np.ndarray:
    return viewer.screenshot(canvas_only=False, flash=False)[..., :3]


def _wait(ready: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get ready")
        _wait_ms(100)


def _wait_ms(milliseconds: int) -> None:
    from qtpy.QtTest import QTest

    QTest.qWait(milliseconds)


if __name__ == "__main__":
    main()
