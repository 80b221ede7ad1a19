"""The names that other programs rely on."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

import napari_unet as nu

WINDOW = {
    "napari",
    "qtpy",
    "superqt",
    "magicgui",
    "pyqtgraph",
    "vispy",
    "PyQt5",
    "PyQt6",
    "PySide6",
}


def run(program: str) -> list[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_every_name_is_there():
    for name in nu.__all__:
        assert getattr(nu, name) is not None
        assert name in dir(nu)
    assert nu.__version__ == version("napari-unet-live")


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        _ = nu.segment


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("train", ["images", "labels"]),
        ("train_events", ["images", "labels"]),
        ("predict", ["model", "image", "tile", "device"]),
        ("predict_probabilities", ["model", "image", "tile", "device"]),
        ("predict_instances", ["model", "image", "tile"]),
        ("load_model", ["path"]),
        ("read_image", ["path", "level"]),
        ("border_weights", ["instances", "w0", "sigma"]),
    ],
)
def test_parameters_have_their_names(name, parameters):
    assert list(inspect.signature(getattr(nu, name)).parameters)[: len(parameters)] == parameters


def test_five_lines_do_everything(tmp_path, discs):
    model = nu.train(
        discs.image, discs.strokes, label_kind="scribbles", steps=2, device="auto", seed=0
    )
    model.save(tmp_path / "a.unet")
    model = nu.load_model(tmp_path / "a.unet")
    classes = nu.predict(model, discs.image, tile=None)
    probabilities = nu.predict_probabilities(model, discs.image, tile=32)
    assert classes.shape == discs.image.shape
    assert probabilities.shape == (2, *discs.image.shape)
    assert np.array_equal(model.class_ids[probabilities.argmax(axis=0)], classes)


def test_border_weights_are_the_exponential_term_alone():
    """Ronneberger et al. 2015, equation 2, without w_c: 10 exp(-(2 + 3)^2 / 50) between two."""
    instances = np.zeros((1, 8), np.uint8)
    instances[0, 1], instances[0, 6] = 1, 2
    found = nu.border_weights(instances, w0=10.0, sigma=5.0)
    assert found[0, 3] == pytest.approx(10 * np.exp(-(5**2) / 50), rel=1e-6)


def test_errors_are_of_one_family():
    from napari_unet import errors

    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    found = [kind for kind in classes if issubclass(kind, Exception) and kind is not errors.Stopped]
    assert len(found) == 7
    assert all(issubclass(kind, nu.UserError) for kind in found)


def test_importing_is_quick_and_loads_nothing_heavy():
    """Best of three, because the computer may be busy."""
    program = (
        "import sys, time; start = time.perf_counter(); import napari_unet;"
        "print(time.perf_counter() - start, *{name.split('.')[0] for name in sys.modules})"
    )
    seconds = []
    for _ in range(3):
        first, *loaded = run(program)
        seconds.append(float(first))
        assert not set(loaded) & (WINDOW | {"torch", "numpy", "scipy", "skimage", "matplotlib"})
    assert min(seconds) < 0.5


HEAVY = WINDOW | {"torch", "matplotlib"}


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        (["napari_unet.cli"], HEAVY | {"numpy"}),
        (
            [
                "napari_unet.session.session",
                "napari_unet.project.versions",
                "napari_unet.project.location",
                "napari_unet.project.reproduce",
                "napari_unet.learner",
                "napari_unet.samples",
                "napari_unet.core.batch.run",
            ],
            WINDOW | {"torch"},
        ),
        (
            [
                "napari_unet.core.training.train",
                "napari_unet.commands.train",
                "napari_unet.learner.child.loop",
            ],
            HEAVY - {"torch"},
        ),
    ],
)
def test_without_a_window_nothing_of_it_is_loaded(modules, unwanted):
    """One process imports the modules one after the other: a name is of the first that has it."""
    program = (
        f"import sys\nfor module in {modules}:\n    __import__(module)\n"
        "    print(module, *{name.split('.')[0] for name in sys.modules}, sep=',')"
    )
    lines = run(program)
    assert len(lines) == len(modules)
    for line in lines:
        module, *loaded = line.split(",")
        assert not set(loaded) & unwanted, module
