"""Counts of what the tests attack the program with, for ``python -m benchmarks.trust``.

A test that is marked ``fault(KIND)`` counts as one fault of that kind when it passes, or as many
as it says by :func:`injected`; whatever :func:`tried` is told of counts as bad input.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

PLACE = "NAPARI_UNET_COUNTS"
_inputs: Counter[str] = Counter()
_faults: Counter[str] = Counter()
_more: list[int] = []


def tried(kind: str) -> None:
    """Count a bad input that was worked with or refused as it should be."""
    _inputs[kind] += 1


def injected(number: int) -> None:
    """Say how many faults the test that runs has injected."""
    _more.append(number)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    _more.clear()
    result = yield
    mark = item.get_closest_marker("fault")
    if mark is not None:
        _faults[mark.args[0]] += sum(_more) or 1
    return result


def pytest_sessionfinish():
    if PLACE in os.environ:
        counts = {"faults": _faults, "inputs": _inputs}
        Path(os.environ[PLACE]).write_text(json.dumps(counts))
