"""A layer that is given the pixel size and units of its file, in the real window."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager

from napari_unet.core.io.open_image import open_image
from napari_unet.widgets.layers.from_file import take_from
from napari_unet.widgets.project.open_file import open_file

STACK = np.arange(6, dtype=np.uint16)[:, None, None] + np.zeros((6, 8, 10), np.uint16) + 1


@pytest.fixture(params=[(0.5, 0.25), (1.0, 1.0)], ids=["finer", "as pixels"])
def stack(request, tmp_path):
    """A stack of slices that tell which they are."""
    spacing, side = request.param
    kept = {"axes": "ZYX", "spacing": spacing, "unit": "um"}
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, STACK, imagej=True, resolution=(1 / side, 1 / side), metadata=kept)
    return path


def shown(viewer, layer) -> int:
    """Return which value is drawn; 0 where napari finds nothing at the point."""
    assert layer.get_value(viewer.dims.point, world=True) is not None
    return int(np.max(layer._slice.image.raw))


def test_the_slice_of_the_slider_is_drawn(make_window, stack):
    viewer = make_window()
    (layer,) = viewer.open(str(stack), plugin="napari")
    labels = viewer.add_labels(np.ones(STACK.shape, np.uint8))
    with open_image(stack) as source:
        take_from(viewer, layer, source)
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    for one in (layer, labels):
        wanted = STACK if one is layer else labels.data
        assert shown(viewer, one) == wanted[viewer.dims.current_step[0]].max()


def test_a_second_image_of_a_folder_has_the_units_of_the_first_from_the_start(make_window, stack):
    viewer = make_window()
    said = len(notification_manager.records)
    for _ in range(2):
        with open_image(stack) as source:
            layer = open_file(viewer, stack, source)
        assert layer.name.startswith("stack") and layer.source.path == str(stack)
        assert shown(viewer, layer) == STACK[viewer.dims.current_step[0]].max()
    assert not [x for x in notification_manager.records[said:] if "units" in x.message]
