"""Image layers whose channels come after rows and columns, where napari shows no channels."""

from typing import Any

import dask.array as da
import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.errors import Level
from napari_unet.widgets.layers.layer_axes import named_channels_last
from napari_unet.widgets.layers.picture import choose_axes
from napari_unet.widgets.qt.notify import notify


def bring_channels_first(viewer: ViewerModel, layer: Image, axes: str | None = None) -> bool:
    """Turn a layer's axes so that channels come first, and rows and columns last; say so.

    Napari shows the last two axes, and strokes are painted on what is shown.
    ``axes`` is a letter an axis, the last of which is channels; ``None`` for what the layer's own
    names say or what is guessed. A layer whose channels are elsewhere, or that napari shows in
    colour, stays. Returns whether it was turned.
    """
    axes = named_channels_last(layer) if axes is None else axes
    if axes is None or np.any(layer.shear):
        return False
    last = layer.ndim - 1
    order = [last, *range(last)]
    placed = {
        "scale": layer.scale[order],
        "translate": layer.translate[order],
        "rotate": layer.rotate[np.ix_(order, order)],
        "affine": layer.affine.affine_matrix[np.ix_([*order, -1], [*order, -1])],
        "units": [layer.units[axis] for axis in order],
        "axis_labels": [layer.axis_labels[axis] for axis in order],
    }
    levels = layer.data if layer.multiscale else [layer.data]
    turned = [_transposed(level, order) for level in levels]
    choose_axes(layer, "C" + axes[:-1])
    layer.data = turned if layer.multiscale else turned[0]
    for name, value in placed.items():
        setattr(layer, name, value)
    viewer.reset_view()
    notify(
        Level.INFO,
        f"the last axis of {layer.name} is taken as channels and was put first, so that rows and "
        "columns are shown; choose what it is below Image if that is wrong.",
    )
    return True


def _transposed(level: Any, order: list[int]) -> Any:
    """Return an array with its axes in another order, of which nothing is read."""
    return (level if hasattr(level, "transpose") else da.from_array(level)).transpose(order)
