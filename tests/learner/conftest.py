"""Learners that are closed after the test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from talk import Talk

from napari_unet.learner.computer import HERE


@pytest.fixture
def scripted(tmp_path) -> Callable[..., Talk]:
    """Start a learner whose process behaves as told, see ``scripted_process.py``."""
    talks: list[Talk] = []
    script = Path(__file__).with_name("scripted_process.py")

    def start(*behaviours: str) -> Talk:
        command = [sys.executable, str(script), str(tmp_path / "starts"), *behaviours]
        talks.append(Talk(command))
        return talks[-1]

    yield start
    for talk in talks:
        talk.close()


@pytest.fixture
def starts(tmp_path) -> Callable[[], int]:
    """How often the scripted process was started."""
    path = tmp_path / "starts"
    return lambda: path.stat().st_size if path.exists() else 0


@pytest.fixture(scope="module")
def real() -> Talk:
    """The real process, which takes seconds to start, for all tests of a module."""
    talk = Talk(HERE)
    talk.learner.warm_up()
    yield talk
    talk.close()
