"""Layers as images: axes told, guessed or chosen; channels; levels."""

from __future__ import annotations

import copy
import gc

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

from fakes import model_file
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.models.header import header_of
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.model_match import follow_model
from napari_unet.widgets.layers.picture import (
    choose_axes,
    choose_channels,
    choose_level,
    chosen_channels,
    give_back,
    is_guessed,
    picture_of,
    source_of,
)
from napari_unet.widgets.layers.roles import detail, details
from napari_unet.widgets.layers.strokes import new_annotation
from napari_unet.widgets.layers.wording import guesses_said, picture_said, sizes_said


def image(*shape, dtype=float, **known) -> Image:
    return Image(np.zeros(shape, dtype), **known)


@pytest.mark.parametrize(
    ("layer", "axes", "said"),
    [
        (image(6, 7), "YX", "6 x 7, 1 channel"),
        (image(5, 6, 7), "ZYX", "5 slices of 6 x 7, 1 channel (guessed)"),
        (image(3, 6, 7), "CYX", "6 x 7, 3 channels (guessed)"),
        (image(5, 2, 6, 7), "ZCYX", "5 slices of 6 x 7, 2 channels (guessed)"),
        (image(6, 7, 3, dtype=np.uint8, rgb=True), "YXS", "6 x 7, RGB"),
        (image(6, 7, 4, dtype=np.uint8, rgb=True), "YXS", "6 x 7, RGB"),
        (image(6, 7, 3, rgb=True), "YXS", "6 x 7, RGB"),
        (image(5, 6, 7, 3, rgb=True), "ZYXS", "5 slices of 6 x 7, RGB (guessed)"),
        (image(3, 6, 7, axis_labels=("t", "Y", "x")), "TYX", "3 time points of 6 x 7, 1 channel"),
        (image(9, 6, 7, axis_labels=("C", "-2", "-1")), "CYX", "6 x 7, 9 channels"),
        (image(1, 6, 7, axis_labels=("Z", "y", "x")), "ZYX", "1 slice of 6 x 7, 1 channel"),
        (
            image(9, 5, 6, 7),
            "TZYX",
            "9 time points of 5 slices of 6 x 7, 1 channel (guessed)",
        ),
    ],
)
def test_axes_are_what_the_layer_names_or_a_guess_that_is_said(layer, axes, said):
    picture = picture_of(layer)
    assert picture.own.axes == axes
    assert picture_said(picture) + " (guessed)" * is_guessed(layer) == said
    assert ("because" in guesses_said(picture)) == ("(guessed)" in said)


@pytest.mark.parametrize(
    "names", [("y", "x", "c"), ("z", "z", "x"), ("z", "x", "y"), ("x", "b", "a")]
)
def test_names_that_cannot_be_used_are_said(names):
    layer = image(5, 6, 7, axis_labels=names)
    assert source_of(layer).axes == "ZYX"
    assert "have to be the last two" in guesses_said(picture_of(layer))


def test_more_axes_than_names_are_refused():
    with pytest.raises(InvalidInput, match="more axes than can be guessed"):
        picture_of(image(2, 5, 6, 7, 8, 9))
    assert sizes_said(image(2, 5, 6, 7, 8, 9)) == "2 x 5 x 6 x 7 x 8 x 9"


def test_pixel_sizes_and_units_are_the_layers():
    layer = image(
        5, 6, 7, scale=(2, 0.5, 0.25), units=("s", "um", "um"), axis_labels=("t", "y", "x")
    )
    source = source_of(layer)
    assert source.pixel_size == {"T": 2.0, "Y": 0.5, "X": 0.25}
    assert source.units == {"T": "second", "Y": "micrometer", "X": "micrometer"}
    assert source_of(image(5, 6, 7)).pixel_size == {}
    assert source_of(image(6, 7, scale=(1, 2))).pixel_size == {"Y": 1.0, "X": 2.0}
    assert source_of(image(6, 7, scale=(-1, 2))).pixel_size == {"Y": 1.0, "X": 2.0}


def test_what_is_chosen_stays_with_the_layer_and_with_its_copy():
    layer = image(5, 6, 7, name="movie")
    heard = []
    details.changed.connect(heard.append)
    choose_axes(layer, "TYX")
    assert (source_of(layer).axes, is_guessed(layer), len(heard)) == ("TYX", False, 1)
    choose_axes(layer, "TYX")
    assert len(heard) == 1
    details.changed.disconnect(heard.append)
    data, known, _ = copy.deepcopy(layer.as_layer_data_tuple())
    assert source_of(Image(data, **known)).axes == "TYX"
    layer.data = np.zeros((6, 7))
    assert source_of(layer).axes == "YX"


def test_other_metadata_is_left_alone():
    layer = image(5, 6, 7, metadata={"mine": 1})
    choose_axes(layer, "TYX")
    assert layer.metadata["mine"] == 1


def test_channels_of_a_layer_are_given_in_the_chosen_order():
    layer = Image(np.random.default_rng(0).random((3, 6, 7)), axis_labels=("c", "y", "x"))
    choose_channels(layer, [(layer, 2), (layer, 0)])
    assert np.array_equal(whole_plane(picture_of(layer).piece(())), layer.data[[2, 0]])
    assert picture_said(picture_of(layer)) == "6 x 7, 2 of 3 channels"
    choose_channels(layer, [(layer, 0), (layer, 1), (layer, 2)])
    assert detail(layer, "channels") is None
    with pytest.raises(InvalidInput, match="check at least one"):
        choose_channels(layer, [])


def test_layers_of_one_size_lend_channels_and_are_given_back():
    rng = np.random.default_rng(0)
    cells = Image(rng.random((5, 6, 7)), name="cells")
    nuclei = Image(da.from_array(rng.random((5, 6, 7)), chunks=3), name="nuclei")
    choose_channels(cells, [(nuclei, 0), (cells, 0)])
    picture = picture_of(cells)
    assert picture.shape == (5, 6, 7)
    assert picture.layers == (cells, nuclei)
    assert picture_said(picture) == "5 slices of 6 x 7, 2 channels of 2 layers"
    both = np.stack([np.asarray(nuclei.data[3]), cells.data[3]])
    assert np.array_equal(whole_plane(picture.piece((3,))), both)
    give_back(cells, nuclei)
    assert chosen_channels(cells) == [(cells, 0)]
    choose_channels(cells, [(nuclei, 0)])
    nuclei.data = np.zeros((4, 6, 7))
    assert chosen_channels(cells) == [(cells, 0)]
    with pytest.raises(InvalidInput, match="nuclei is of another size"):
        choose_channels(cells, [(cells, 0), (nuclei, 0)])


def test_a_layer_that_is_gone_lends_nothing():
    cells, other = image(6, 7), image(6, 7)
    choose_channels(cells, [(cells, 0), (other, 0)])
    assert len(picture_of(cells).channels) == 2
    del other
    gc.collect()
    assert picture_of(cells).channels == (0,)


def pyramid(**known) -> Image:
    data = np.zeros((64, 64))
    levels = [data, data[::2, ::2], data[::4, ::4]]
    return Image(levels, multiscale=True, scale=(0.5, 0.5), units="um", **known)


def model_of(size: float):
    header = header_of(model_file())
    return header.model_copy(update={"pixel_size": (size, size), "pixel_unit": "micrometer"})


def test_the_level_is_the_one_nearest_to_the_model_unless_somebody_chose(model):
    layer = model.add_layer(pyramid())
    follow_model(model, layer, None)
    assert picture_of(layer).level == 0
    follow_model(model, layer, model_of(1.0))
    assert picture_of(layer).level == 1
    assert picture_of(layer).shape == (32, 32)
    choose_level(layer, 0)
    follow_model(model, layer, model_of(2.0))
    assert picture_of(layer).level == 0


def test_a_level_with_strokes_stays(model):
    layer = model.add_layer(pyramid())
    model.add_layer(new_annotation(layer, ()))
    follow_model(model, layer, model_of(2.0))
    assert picture_of(layer).level == 0


def test_levels_that_lack_planes_are_not_used():
    data = np.zeros((8, 64, 64))
    layer = Image([data, data[:, ::2, ::2], data[::2, ::4, ::4]], multiscale=True)
    assert len(source_of(layer).levels) == 2
