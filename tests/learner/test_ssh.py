"""A learner behind a real ssh, on the loopback, with keys of the test's own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.common.loopback_ssh import HOST, loopback_ssh, why_not
from talk import Talk
from test_elsewhere import LARGE, LAST, predict, train

import napari_unet as nu
from napari_unet.core.events import Notice
from napari_unet.core.models.model import Model
from napari_unet.learner.computer import Computer
from napari_unet.learner.messages import Failed, Improved, PlanePredicted, Predicted, Ready

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a server")

_SOURCE = Path(nu.__file__).parents[1]
_START = "from napari_unet.cli import main; main(['learner'])"
COMMAND = (
    f"echo 'Welcome to this computer'; PYTHONPATH={shlex.quote(str(_SOURCE))} OMP_NUM_THREADS=1 "
    f"{shlex.join([sys.executable, '-c', _START])}"
)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    """Run the server; ``ssh`` reaches it by the name of a host."""
    folder = tmp_path_factory.mktemp("ssh")
    with loopback_ssh(folder) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def there(ssh):
    """A learner behind it, which takes seconds to start."""
    talk = Talk(Computer(HOST, COMMAND))
    talk.learner.warm_up()
    assert talk.until(0, Ready)[-1].device
    yield talk
    talk.close()


def test_trains_and_predicts_as_here(there):
    train(there, 1, steps=30)
    said = there.until(1, *LAST)
    assert any(isinstance(content, Improved) for content in said)
    assert Model.from_bytes(said[-1].model).header.history[-1].steps == 30
    predict(there, 2, LARGE)
    plane, last = there.until(2, *LAST)[-2:]
    assert last == Predicted(stopped=False)
    assert isinstance(plane, PlanePredicted)
    assert plane.classes.shape == LARGE.shape[1:]
    assert set(np.unique(plane.classes)) <= {1, 2}


@pytest.mark.fault("line that breaks")
def test_a_line_that_is_cut_keeps_the_model_and_is_made_anew(ssh, there):
    train(there, 3)
    best = there.until(3, Improved)[-1]
    ssh.cut()
    said = there.until(3, *LAST)
    assert "the line to it broke" in next(c.text for c in said if isinstance(c, Notice))
    assert (said[-1].reason, said[-1].step >= best.step) == ("lost", True)
    predict(there, 4)
    assert there.until(4, *LAST)[-1] == Predicted(stopped=False)


@pytest.mark.parametrize(
    ("host", "command", "what"),
    [
        ("nowhere", "", "no computer of that name"),
        ("off", "", "does not answer"),
        ("stranger", "", "run `ssh stranger` once in a terminal"),
        ("locked", "", "ssh-copy-id locked"),
        (HOST, "napari-unet-nowhere learner", "pip install napari-unet-live"),
        (HOST, "python3 -m napari_unet_nowhere", "pip install napari-unet-live"),
    ],
)
def test_what_is_wrong_there_is_said(ssh, host, command, what):
    talk = Talk(Computer(host, command))
    talk.learner.warm_up()
    (failed,) = talk.until(0, Failed)
    assert what in failed.text
    talk.close()
