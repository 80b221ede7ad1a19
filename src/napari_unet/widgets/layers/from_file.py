"""What an image's file says of axes and pixel size, given to its layer.

Readers of napari drop much of it, its own all of it.
"""

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.core.images.image_source import ImageSource
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.channels_last import bring_channels_first
from napari_unet.widgets.layers.geometry import same_place, transform_of
from napari_unet.widgets.layers.image_marks import image_of
from napari_unet.widgets.layers.layer_axes import fits
from napari_unet.widgets.layers.picture import choose_axes, is_picture
from napari_unet.widgets.layers.roles import role_of

_A_LITTLE = 1e-6  # of a step of the sliders


def take_from(viewer: ViewerModel, image: Image, source: ImageSource) -> bool:
    """Give a layer the axes, pixel size and units of its file.

    Layers that lie on the image are laid on it again. Returns whether the file says any of it.
    ``InvalidInput`` if the layer holds something else than the file, as a stack of several does.
    """
    shape = tuple(image.data[0].shape if image.multiscale else image.data.shape)
    axes, stored = source.axes, tuple(source.levels[0].shape)
    if not image.rgb and axes[-1] in "CS" and not source.guesses:
        if shape == stored and bring_channels_first(viewer, image, axes):
            shape = (stored[-1], *stored[:-1])
        if shape == (stored[-1], *stored[:-1]):
            axes, stored = "C" + axes[:-1], shape
    if shape != stored:
        raise InvalidInput(
            f"{image.name} has the shape {shape} and its file {stored}; "
            "set its axes here, and its scale in napari."
        )
    letters = axes.removesuffix("S") if image.rgb else axes
    if len(letters) != image.ndim:
        return False
    on_it = [layer for layer in viewer.layers if layer is not image and _lies_on(layer, image)]
    sizes, units = source.pixel_size, source.units
    image.units = [units.get(a, unit) for a, unit in zip(letters, image.units, strict=True)]
    image.scale = [sizes.get(a, step) for a, step in zip(letters, image.scale, strict=True)]
    told = not source.guesses and fits(axes, image)
    if told:
        choose_axes(image, axes)
    for layer in on_it:
        for name, value in transform_of(image).items():
            setattr(layer, name, value)
    if sizes:
        slice_anew(viewer)
        viewer.reset_view()
    return told or bool(sizes)


def slice_anew(viewer: ViewerModel) -> None:
    """Show what is at the present point.

    A layer whose units change is sliced by those of before, which may be beside it, and stays so
    until the point is another one (napari 0.9.2).
    """
    point = viewer.dims.point
    viewer.dims.point = tuple(
        at + _A_LITTLE * axis.step for at, axis in zip(point, viewer.dims.range, strict=True)
    )
    viewer.dims.point = point


def _lies_on(layer: Layer, image: Image) -> bool:
    """Return whether a layer is strokes or a result of an image, or labels of others on it."""
    if is_picture(layer) or not isinstance(layer, Image | Labels) or not same_place(layer, image):
        return False
    return role_of(layer) is None or image_of([image], layer) is image
