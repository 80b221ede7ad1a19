"""What every test shares: repeatable arithmetic, small scenes, and one trained model.

What is imported here is imported once more by the process that only hands out the tests, while the
others wait for it: torch takes seconds, so the fixtures import it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import scenes

# The same examples in each run; `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("torture", deadline=None)  # see tests/fuzz/examples.py
settings.load_profile("repeatable")

pytest_plugins = ["counting"]


@pytest.fixture(scope="session", autouse=True)
def _repeatable_arithmetic():
    """Sums in one order, and torch whole before a test of damage meets a first import of it."""
    import torch
    import torch._dynamo

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _no_log_of_the_user(tmp_path_factory):
    """What tests log, also in processes of their own, never reaches the user's own log."""
    from napari_unet import log

    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    log.close_log()
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(scope="session")
def discs() -> scenes.Scene:
    """Four striped discs on noise, 64 x 64, with three strokes of each class."""
    import scenes

    return scenes.discs(seed=0)


@pytest.fixture(scope="session")
def training(discs) -> scenes.Training:
    """A training of 80 steps on the discs: its events and its model.

    It takes some seconds, so whatever only needs a model that has learnt something shares it.
    """
    import scenes
    from napari_unet.core.events import Done
    from napari_unet.core.training.train import train_events

    settings = {"steps": 80, "preset": "compact", "device": "cpu"}
    events = tuple(train_events(discs.image, discs.strokes, **settings))
    assert isinstance(events[-1], Done)
    return scenes.Training(events, events[-1].model)


@pytest.fixture(scope="session")
def trained(training):
    """The model of that training: one channel, classes 1 and 2."""
    return training.model


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
