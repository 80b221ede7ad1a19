"""Layers that come and go where OpenGL is Mesa's software."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication
from vispy.gloo import gl

from napari_unet.widgets.qt.software_gl import is_software, keep_programs


@pytest.mark.parametrize(
    ("renderer", "software"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", True),
        ("softpipe", True),
        ("NVIDIA H100/PCIe/SSE2", False),
        ("Mesa Intel(R) UHD Graphics 620 (KBL GT2)", False),
        ("Apple M2", False),
    ],
)
def test_software_is_known_by_its_name(renderer, software):
    assert is_software(renderer) == software


@pytest.mark.parametrize("renderer", ["llvmpipe", "NVIDIA"])
def test_programs_of_layers_that_went_stay_in_software_only(
    make_napari_viewer, monkeypatch, renderer
):
    keep_programs()
    viewer = make_napari_viewer(show=True)
    deleted: list[int] = []
    ask = gl.glGetParameter
    monkeypatch.setattr(
        gl, "glGetParameter", lambda name: renderer if name == gl.GL_RENDERER else ask(name)
    )
    monkeypatch.setattr(gl, "glDeleteProgram", lambda handle: deleted.append(handle))
    for _ in range(2):
        layer = viewer.add_labels(np.ones((8, 8), np.uint8))
        QApplication.processEvents()
        viewer.layers.remove(layer)
        QApplication.processEvents()
    viewer.add_image(np.zeros((8, 8)))
    QApplication.processEvents()
    assert bool(deleted) == (renderer == "NVIDIA")
