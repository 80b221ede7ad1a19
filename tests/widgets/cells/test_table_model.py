"""What is written in the table of cells."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.widgets.cells.table_model import CellTable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (9999.4, "9999"),
        (9999.6, "10000"),
        (43264.0, "43264"),
        (1.25e7, "12500000"),
        (float("nan"), ""),
    ],
)
def test_numbers_are_short_and_have_no_exponent_where_a_person_would_write_none(qapp, value, text):
    model = CellTable()
    model.show({"area (µm²)": np.array([value])}, [], np.zeros(1, np.intp), {})
    assert model.data(model.index(0, 0)) == text
