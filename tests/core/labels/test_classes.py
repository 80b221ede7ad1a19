from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_unet.core.labels.classes import (
    ClassInfo,
    background_id,
    default_color,
    default_name,
    describe_classes,
)


@pytest.mark.parametrize(("kind", "expected"), [("scribbles", 1), ("classes", 0), ("instances", 0)])
def test_the_background_is_the_first_class_of_its_kind(kind, expected):
    assert background_id(kind) == expected
    assert default_name(expected, kind) == "background"


def test_other_classes_are_named_by_what_they_are():
    assert default_name(2, "scribbles") == "class 2"
    assert default_name(1, "classes") == "class 1"
    assert default_name(1, "instances") == "object"


def test_classes_come_in_the_order_of_their_ids_once_each():
    assert [entry.id for entry in describe_classes([7, 1, 7, 2], "scribbles")] == [1, 2, 7]


def test_what_has_a_name_keeps_it():
    known = ClassInfo(id=2, name="nucleus", color="#123456")
    assert describe_classes([1, 2], "scribbles", [known])[1] is known


def test_neighbouring_classes_have_different_colours():
    colors = [default_color(class_id) for class_id in range(1, 9)]
    assert len(set(colors)) == 8
    assert default_color(9) == colors[0]
    assert default_color(0) in colors


@pytest.mark.parametrize(
    "values",
    [
        {"id": -1, "name": "a", "color": "#000000"},
        {"id": 65536, "name": "a", "color": "#000000"},
        {"id": 1, "name": "", "color": "#000000"},
        {"id": 1, "name": "a", "color": "red"},
        {"id": 1, "name": "a", "color": "#00000"},
    ],
)
def test_a_class_has_an_id_a_name_and_a_colour(values):
    with pytest.raises(ValidationError):
        ClassInfo(**values)
