"""An image is known again, and never taken for another of its size."""

from __future__ import annotations

import copy
import itertools

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from napari.layers._source import layer_source
from napari.layers.utils._link_layers import link_layers, unlink_layers

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.layers.image_marks import (
    id_of,
    image_of,
    is_same,
    know_again,
    mark_in,
    mark_of,
    seen_as,
)
from napari_unet.widgets.layers.picture import choose_axes, choose_level
from napari_unet.widgets.layers.roles import Role, role_of
from napari_unet.widgets.layers.strokes import classes_of, dress, new_annotation

CLASSES = (ClassInfo(id=1, name="ground", color="#112233"),)
NOISE = np.random.default_rng(0).random((2, 6, 7))


def array(number: int = 0, name: str = "Image", **known) -> Image:
    return Image(NOISE[number], name=name, **known)


def opened(path, name: str) -> Image:
    """Open a file as a reader of napari does."""
    with layer_source(path=str(path)):
        return Image(tifffile.imread(path), name=name)


def duplicate(layer):
    """Do what napari's "Duplicate Layer" does."""
    data, known, kind = layer.as_layer_data_tuple()
    return type(layer).create(copy.deepcopy(data), known | {"name": f"{layer.name} copy"}, kind)


def test_an_image_keeps_its_id_when_it_is_renamed_and_gets_other_data():
    image = array()
    mark = mark_of(image)
    image.name, image.data = "other", NOISE[1]
    assert mark_of(image).id == mark.id
    assert mark_of(image).name == "other"


def test_a_duplicate_of_an_image_is_another_one_that_of_strokes_is_of_the_same():
    image = array()
    strokes = new_annotation(image, CLASSES)
    other, copied = duplicate(image), duplicate(strokes)
    assert id_of(other) is None
    assert mark_in(copied) == mark_in(strokes)
    assert mark_of(other).id != mark_of(image).id
    assert image_of([other, image], copied) is image


@pytest.mark.parametrize("stored", [None, "text", {"id": 3}, {"id": "x", "name": "a"}])
def test_metadata_of_another_kind_is_no_mark(stored):
    layer = Labels(np.zeros((4, 4), np.uint8), metadata={"napari_unet": {"image": stored}})
    assert mark_in(layer) is None


def test_an_array_is_known_by_its_pixels_whatever_it_is_called():
    mark = mark_of(array(name="cells"))
    again, other = array(name="Image"), array(1, name="cells")
    for layer in (other, again):
        know_again(layer, [layer], [mark])
    assert (id_of(again), id_of(other)) == (mark.id, None)


def test_equal_pixels_are_told_apart_by_name():
    marks = [mark_of(Image(np.zeros((6, 7)), name=name)) for name in "abc"]
    again = Image(np.zeros((6, 7)), name="b")
    know_again(again, [again], marks)
    assert id_of(again) == marks[1].id


def test_an_array_that_is_computed_is_known_by_its_name():
    lazy = da.zeros((6, 7), chunks=3)
    mark = mark_of(Image(lazy, name="lazy"))
    assert is_same(mark, seen_as(Image(lazy, name="lazy")))
    assert not is_same(mark, seen_as(Image(lazy, name="Image")))


def test_an_image_that_is_still_open_is_not_given_away():
    image, again = array(), array()
    mark = mark_of(image)
    know_again(again, [image, again], [mark])
    assert id_of(again) is None


def test_a_file_is_known_by_its_path_also_when_it_was_written_anew(tmp_path):
    for name, pixels in zip("ab", NOISE, strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
    mark = mark_of(opened(tmp_path / "a.tif", "a"))
    assert is_same(mark, seen_as(opened(tmp_path / "a.tif", "renamed")))
    assert not is_same(mark, seen_as(opened(tmp_path / "b.tif", "a")))
    assert not is_same(mark, seen_as(array(1, name="a")))
    (tmp_path / "moved").mkdir()
    tifffile.imwrite(tmp_path / "moved" / "c.tif", NOISE[0])
    assert is_same(mark, seen_as(opened(tmp_path / "moved" / "c.tif", "c")))
    tifffile.imwrite(tmp_path / "a.tif", NOISE[1])
    assert is_same(mark, seen_as(opened(tmp_path / "a.tif", "a")))
    assert not is_same(mark, seen_as(opened(tmp_path / "a.tif", "another channel")))


def test_linked_layers_keep_what_they_are():
    """What the plugin writes into one of them does not reach the others."""
    first, second = array(), array(1)
    strokes, others = new_annotation(first, CLASSES), new_annotation(second, CLASSES)
    layers = [first, second, strokes, others]
    link_layers(layers)
    choose_axes(first, "YX")
    choose_level(second, 0)
    dress(strokes, (*CLASSES, ClassInfo(id=2, name="nuclei", color="#445566")))
    unlink_layers(layers)
    assert [role_of(x) for x in layers] == [None, None, Role.STROKES, Role.STROKES]
    assert [len(classes_of(x)) for x in (strokes, others)] == [2, 1]
    assert [image_of(layers, x) for x in (strokes, others)] == [first, second]
    ids = [id_of(first), id_of(second)]
    assert all(one != other for one, other in itertools.combinations(ids, 2))
