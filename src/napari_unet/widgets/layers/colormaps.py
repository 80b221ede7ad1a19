"""The class table's colours as napari colormaps."""

from collections.abc import Collection, Iterable

from napari.experimental import unlink_layers
from napari.layers import Labels
from napari.utils.colormaps import Colormap, CyclicLabelColormap, DirectLabelColormap

from napari_unet.core.labels.classes import ClassInfo, default_color


def color(layer: Labels, colormap: CyclicLabelColormap | DirectLabelColormap) -> None:
    """Give a layer the colours of its classes, which are its own also where layers are linked.

    napari fails where it is to give such a colormap to a linked layer, an image or labels.
    """
    unlink_layers([layer], ["colormap"])
    layer.colormap = colormap


def label_colormap(
    classes: Iterable[ClassInfo],
    *,
    transparent: Collection[int] = (),
    extra: Collection[int] = (),
) -> DirectLabelColormap:
    """Return the colours of class ids; 0 and ids that are no class are transparent.

    ``extra`` are ids without a class that are shown in their default colour.
    """
    colors: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colors.update({i: default_color(i) for i in extra if i > 0})
    colors.update({entry.id: entry.color for entry in classes})
    colors.update(dict.fromkeys(transparent, "transparent"))
    return DirectLabelColormap(color_dict=colors)


def probability_colormap(entry: ClassInfo) -> Colormap:
    """Return a colormap from black (0) to a class's colour (1)."""
    return Colormap(["#000000", entry.color], name=f"probability of {entry.name}")
