"""Napari layers as planes: channels, stacks, transforms, what is in view."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from layer_helpers import look_at
from napari.layers import Image, Labels

from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.widgets.layers.geometry import same_place, transform_of
from napari_unet.widgets.layers.picture import choose_level
from napari_unet.widgets.layers.planes import (
    channel_count,
    pixel_size,
    plane_indices,
    spatial_shape,
)
from napari_unet.widgets.layers.reading import painted_reader, reader
from napari_unet.widgets.layers.view import box_in_view, current_index, in_view, is_empty


@pytest.mark.parametrize(
    ("shape", "rgb", "spatial", "planes", "first"),
    [
        ((6, 7), False, (6, 7), 1, (1, 6, 7)),
        ((6, 7, 3), True, (6, 7), 1, (3, 6, 7)),
        ((6, 7, 4), True, (6, 7), 1, (3, 6, 7)),
        ((5, 6, 7), False, (5, 6, 7), 5, (1, 6, 7)),
        ((2, 5, 6, 7), False, (5, 6, 7), 5, (2, 6, 7)),
        ((5, 2, 6, 7), False, (5, 1, 6, 7), 5, (2, 6, 7)),
        ((9, 5, 6, 7), False, (9, 5, 6, 7), 45, (1, 6, 7)),
        ((5, 6, 7, 3), True, (5, 6, 7), 5, (3, 6, 7)),
    ],
)
def test_planes_are_read_with_their_channels_first(shape, rgb, spatial, planes, first):
    data = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    layer = Image(data, rgb=rgb)
    indices = plane_indices(spatial_shape(layer))
    read = [whole_plane(plane) for plane in reader(layer, indices)()]
    assert spatial_shape(layer) == spatial
    assert len(read) == planes
    assert read[0].shape == first
    assert channel_count(layer) == first[0]
    last = (data[-1, :] if shape[0] == 5 else data[:, -1]) if 2 in shape[:2] else data[indices[-1]]
    if rgb:
        last = np.moveaxis(last[..., :3], -1, 0)
    assert np.array_equal(read[-1], last.reshape(first))


def test_only_the_asked_plane_of_a_lazy_stack_is_computed():
    computed = []

    def block(block_info=None):
        computed.append(block_info[None]["chunk-location"][0])
        return np.zeros((1, 6, 7))

    stack = da.map_blocks(block, chunks=((1,) * 5, (6,), (7,)), dtype=float, meta=np.zeros(()))
    layer = Image(stack, contrast_limits=(0, 1))
    computed.clear()
    (plane,) = reader(layer, [(3,)])()
    assert whole_plane(plane).shape == (1, 6, 7)
    assert set(computed) == {3}


def test_a_multiscale_layer_is_read_at_full_resolution():
    data = np.arange(64.0).reshape(8, 8)
    layer = Image([data, data[::2, ::2]], multiscale=True)
    assert spatial_shape(layer) == (8, 8)
    assert np.array_equal(whole_plane(reader(layer, [()])()[0])[0], data)


def test_painted_planes_are_a_copy_of_the_strokes_at_that_moment():
    image = Image(np.random.default_rng(0).random((5, 6, 7)), scale=(1, 0.5, 0.25))
    strokes = Labels(np.zeros((5, 6, 7), np.uint8))
    strokes.data[2, 1] = 2
    read = painted_reader(image, strokes, [(2,)])
    strokes.data[2, 1] = 3
    planes = read()
    again = painted_reader(image, strokes, [(2,)])()
    assert set(np.unique(planes.labels[0])) == {0, 2}
    assert np.array_equal(whole_plane(planes.images[0])[0], image.data[2])
    assert planes.pixel_size == (0.5, 0.25)
    assert planes.keys == again.keys


def test_pixel_size_is_known_only_where_somebody_set_it():
    data = np.zeros((4, 4))
    assert pixel_size(Image(data)) == (None, None)
    assert pixel_size(Image(data, scale=(0.5, 0.5))) == ((0.5, 0.5), None)
    assert pixel_size(Image(data, scale=(2, 3), units="um")) == ((2.0, 3.0), "micrometer")


def test_strokes_on_channels_behind_planes_are_on_the_current_plane_of_each(model):
    image = model.add_image(np.zeros((5, 2, 6, 7)), scale=(1, 3, 1, 1), translate=(0, 10, 0, 0))
    labels = Labels(np.zeros(spatial_shape(image), np.uint8), **transform_of(image))
    model.add_layer(labels)
    model.dims.set_point(0, 2)
    for world in (10, 13):
        model.dims.set_point(1, world)
        assert current_index(image, model.dims.point) == (2, 0)
        inside = np.round(labels.world_to_data(model.dims.point))[:2]
        assert inside.tolist() == [2, 0]
    assert same_place(labels, image)


def test_a_painting_lacks_channels_that_come_first_and_lies_right():
    turned = {"rotate": 30.0, "scale": (1, 2, 3), "translate": (7, 5, -1), "shear": (0, 0, 0.2)}
    image = Image(
        np.zeros((2, 6, 7)), axis_labels=("c", "y", "x"), units=("pixel", "um", "um"), **turned
    )
    labels = Labels(np.zeros(spatial_shape(image), np.uint8), **transform_of(image))
    assert labels.data.shape == (6, 7)
    assert np.allclose(labels.data_to_world((3, 4)), image.data_to_world((0, 3, 4))[1:])
    assert labels.axis_labels == ("y", "x")
    assert same_place(labels, image)


def test_a_painting_on_a_coarser_level_covers_the_pixels_of_the_finest():
    data = np.zeros((5, 12, 16))
    image = Image([data, data[:, ::2, ::4]], multiscale=True, scale=(1, 0.5, 0.5))
    choose_level(image, 1)
    assert spatial_shape(image) == (5, 6, 4)
    assert pixel_size(image) == ((1.0, 2.0), None)
    labels = Labels(np.zeros((5, 6, 4), np.uint8), **transform_of(image))
    corner = labels.data_to_world((4, -0.5, -0.5))
    assert np.allclose(corner, image.data_to_world((4, -0.5, -0.5)))
    corner = labels.data_to_world((4, 5.5, 3.5))
    assert np.allclose(corner, image.data_to_world((4, 11.5, 15.5)))


TRANSFORMS = [
    {},
    {"scale": (2, 0.5, 0.25), "translate": (1, -2, 3)},
    {"rotate": 30.0, "scale": (1, 2, 3), "units": "um"},
    {"shear": (0.1, 0.2, -0.3), "rotate": (10, 20, 30)},
    {"affine": np.array([[1, 0, 0, 5], [0, 0.8, -0.6, 2], [0, 0.6, 0.8, 1], [0, 0, 0, 1]])},
]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_layer_made_with_the_transform_lies_where_the_image_lies(transform):
    image = Image(np.zeros((4, 6, 7)), axis_labels=("z", "y", "x"), **transform)
    labels = Labels(np.zeros((4, 6, 7), np.uint8), **transform_of(image))
    corner = (3, 5, 6)
    assert same_place(image, labels)
    assert np.allclose(image.data_to_world(corner), labels.data_to_world(corner))
    assert labels.units == image.units
    assert labels.axis_labels == image.axis_labels


def test_layers_that_lie_apart_are_told_apart():
    image = Image(np.zeros((6, 7)))
    assert not same_place(image, Labels(np.zeros((6, 7), np.uint8), scale=(2, 2)))
    assert not same_place(image, Labels(np.zeros((4, 6, 7), np.uint8)))
    turned = Labels(np.zeros((6, 7), np.uint8), affine=np.diag([2, 2, 1]))
    assert not same_place(image, turned)


def test_the_current_plane_follows_the_sliders_through_scale_and_more_axes(model):
    image = model.add_image(np.zeros((5, 6, 7)), scale=(2, 1, 1))
    model.add_image(np.zeros((3, 5, 6, 7)), scale=(1, 2, 1, 1))
    model.dims.set_point(1, 6.0)
    assert current_index(image, model.dims.point) == (3,)


def test_view_of_one_picture_is_cut_to_the_canvas(model):
    image = model.add_image(np.zeros((60, 80)))
    look_at(model, 10, 30, 20, 50)
    assert in_view(image, model) == ([()], (10, 30, 20, 50))
    look_at(model, 10.25, 30.25, 20.5, 50)  # a pixel of which some is shown counts
    assert in_view(image, model) == ([()], (10, 31, 20, 50))
    look_at(model, -5, 65, 0, 80)
    assert in_view(image, model) == ([()], None)
    look_at(model, 70, 90, 0, 80)
    assert is_empty(in_view(image, model)[1])


def test_the_view_is_that_of_the_camera_through_the_transform(model):
    image = model.add_image(np.zeros((60, 80)), scale=(2, 0.5), translate=(100, 10))
    look_at(model, 120.5, 140.5, 20.5, 40.5)  # from 120 to 140 and from 20 to 40 in the world
    assert in_view(image, model) == ([()], (10, 21, 20, 61))


def test_the_view_of_a_turned_image_is_the_box_around_the_canvas(model):
    image = model.add_image(np.zeros((100, 100)), rotate=-45)
    look_at(model, 70, 90, -9, 11)
    root = np.sqrt(0.5)
    corners = np.array([(r, c) for r in (69.5, 89.5) for c in (-9.5, 10.5)])
    data = corners @ np.array([[root, root], [-root, root]])
    starts, stops = data.min(axis=0) + 0.5, data.max(axis=0) + 0.5
    assert in_view(image, model)[1] == (
        *(int(np.floor(starts[0])), int(np.ceil(stops[0]))),
        *(int(np.floor(starts[1])), int(np.ceil(stops[1]))),
    )


def test_the_view_is_that_of_a_cell_of_the_grid(model):
    image = model.add_image(np.zeros((60, 80)))
    model.add_image(np.zeros((60, 80)))
    look_at(model, 10, 30, 20, 60)
    model.grid.enabled = True  # two layers side by side
    assert in_view(image, model) == ([()], (10, 30, 30, 50))


def test_view_of_a_stack_is_the_current_plane(model):
    image = model.add_image(np.zeros((5, 60, 80)))
    model.dims.set_current_step(0, 3)
    look_at(model, 10, 30, 20, 50)
    assert in_view(image, model) == ([(3,)], (10, 30, 20, 50))


def test_view_along_another_axis_takes_every_shown_plane(model):
    image = model.add_image(np.zeros((5, 60, 80)))
    model.dims.order = (1, 0, 2)
    look_at(model, 1, 4, 20, 50)
    assert in_view(image, model) == ([(1,), (2,), (3,)], (0, 60, 20, 50))


def test_a_view_in_three_dimensions_is_of_all_planes(model):
    image = model.add_image(np.zeros((5, 60, 80)))
    model.dims.ndisplay = 3
    assert in_view(image, model) == ([(index,) for index in range(5)], None)


def test_the_view_does_not_depend_on_the_level_that_napari_shows(model):
    data = np.zeros((80, 80))
    image = model.add_image([data, data[::2, ::2], data[::4, ::4]], multiscale=True)
    look_at(model, 10, 30, 20, 40)
    for shown in (0, 1, 2):
        image.data_level = shown
        assert in_view(image, model) == ([()], (10, 30, 20, 40))


def test_the_view_is_given_at_the_level_that_is_worked_on(model):
    data = np.zeros((80, 80))
    image = model.add_image([data, data[::2, ::2], data[::4, ::4]], multiscale=True)
    look_at(model, 10, 30, 20, 40)
    choose_level(image, 2)
    assert in_view(image, model) == ([()], (2, 8, 5, 10))


def test_channels_are_no_planes_of_the_view(model):
    image = model.add_image(np.zeros((5, 2, 60, 80)))
    model.dims.set_current_step(0, 3)
    look_at(model, 10, 30, 20, 50)
    assert in_view(image, model) == ([(3, 0)], (10, 30, 20, 50))


@pytest.mark.parametrize("side", [1024, 4096])
def test_of_a_chunked_pyramid_on_a_real_canvas_that_is_in_view_which_is_shown(
    qtbot, make_window, side
):
    """Napari loads whole chunks, and loads anew when the view leaves them."""
    viewer = make_window(show=True)
    full = da.zeros((8192, 8192), dtype=np.uint8, chunks=(side, side))
    levels = [full, full[::2, ::2], full[::8, ::8]]
    image = viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    strokes = viewer.add_labels(np.zeros((8192, 8192), np.uint8))
    for zoom, middle in ((0.25, 4096), (3.0, 4000), (3.0, 4010), (6.0, 4050)):
        viewer.camera.zoom, viewer.camera.center = zoom, (0.0, middle, middle)
        canvas = viewer.window._qt_viewer.canvas
        qtbot.waitUntil(lambda: image.scale_factor == 1 / viewer.camera.zoom)  # it was drawn
        (top, left), (bottom, right) = (
            np.array(canvas._map_canvas2world(at, canvas.view)) + 0.5
            for at in ((0, 0), canvas.size[::-1])
        )
        edges = (np.floor(top), np.ceil(bottom), np.floor(left), np.ceil(right))
        shown = tuple(int(edge) for edge in np.clip(edges, 0, 8192))
        index, region = in_view(image, viewer)
        assert index == [()]
        assert (region is None) == (shown == (0, 8192, 0, 8192))
        # Where a border of the canvas is between two pixels, rounding decides.
        np.testing.assert_allclose(shown if region is None else region, shown, atol=1)
        np.testing.assert_allclose(box_in_view(strokes, viewer), shown, atol=1)


def test_a_region_without_a_pixel_is_empty():
    assert is_empty((3, 3, 0, 5))
    assert not is_empty((3, 4, 0, 5))
    assert not is_empty(None)
