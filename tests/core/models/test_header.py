from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import model_file
from napari_unet.core.models.header import (
    FORMAT_VERSION,
    METADATA_KEY,
    header_of,
    parse_header,
    with_way,
)
from napari_unet.errors import InvalidModel

HEADER = header_of(model_file((1, 2, 7)))


def changed(**values) -> str:
    return json.dumps(HEADER.model_dump(mode="json") | values)


def file_of(text: str, rest: bytes = b"", **tensors) -> bytes:
    """Return a safetensors file with that description and no weights."""
    entries = {"__metadata__": {METADATA_KEY: text}, **tensors}
    head = json.dumps(entries).encode()
    return struct.pack("<Q", len(head)) + head + rest


def test_goes_through_json_unchanged():
    assert parse_header(HEADER.model_dump_json()) == HEADER


def test_is_read_without_the_weights():
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert header_of(file_of(HEADER.model_dump_json(), bytes(8), a=tensor)) == HEADER


def test_says_when_the_weights_are_cut_off():
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    with pytest.raises(InvalidModel, match="not complete; take another copy"):
        header_of(file_of(HEADER.model_dump_json(), bytes(7), a=tensor))


def test_a_newer_version_says_what_to_update():
    newer = changed(format_version=FORMAT_VERSION + 1, something_new={})
    with pytest.raises(InvalidModel, match=r"newer version of napari-unet.*update napari-unet"):
        parse_header(newer)


def test_an_older_version_says_to_train_again():
    older = changed(format_version=1, normalisation="percentile")
    with pytest.raises(InvalidModel, match=r"older version of napari-unet.*train it again"):
        parse_header(older)


def test_another_way_of_scaling_leaves_the_weights_as_they_are():
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    data = file_of(HEADER.model_dump_json(), b"weights!", a=tensor)
    changed_to = with_way(data, "stack")
    assert header_of(changed_to) == HEADER.scaled("stack") != HEADER
    assert changed_to.endswith(b"weights!")
    start = int.from_bytes(changed_to[:8], "little")
    assert start % 8 == 0  # as safetensors has it


@pytest.mark.parametrize(
    "values",
    [
        {"format_version": None},
        {"format_version": 0},
        {"format_version": "9"},
        {"network": {}},
        {"network": HEADER.network.model_dump() | {"depth": 400}},
        {"network": HEADER.network.model_dump() | {"n_classes": 2}},
        {"preset": "huge"},
        {"label_kind": "dense"},
        {"classes": []},
        {"classes": [HEADER.classes[0].model_dump()] * 3},
        {"scaling": {"way": "none"}},
        {"normalisation": "percentile"},
        {"pixel_size": [1]},
    ],
)
def test_a_lying_description_is_refused(values):
    with pytest.raises(InvalidModel, match=r"damaged \(.*\); take another copy"):
        parse_header(changed(**values))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "3", "{}", '{"format_version": 1}', "[" * 10**5]
)
def test_what_is_no_description_is_refused(text):
    with pytest.raises(InvalidModel):
        parse_header(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        struct.pack("<Q", 2**63) + bytes(100),
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"\xff\xfe",
        file_of("", a={"data_offsets": None}),
        file_of("", a=3),
    ],
)
def test_a_file_of_another_kind_is_no_model(data):
    with pytest.raises(InvalidModel, match="not a napari-unet model; choose a file that"):
        header_of(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_sentence(data):
    with pytest.raises(InvalidModel) as caught:
        header_of(data)
    assert "\n" not in str(caught.value)
