"""Packages made by the format's own tools, against what bioimageio.core predicts with them."""

from __future__ import annotations

import socket
import subprocess
import sys

import numpy as np
import pytest
from onnx import helper

import packages
from napari_unet.core.prediction.predict import predict_probabilities
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import InvalidModel

spec = pytest.importorskip("bioimageio.spec")
pytestmark = packages.needs_bioimageio


def network(given: int, found: int, axes: str = "bcyx") -> bytes:
    """Return a graph of ``found`` logits a pixel, of ``given`` channels, with axes in an order."""
    rng = np.random.default_rng(0)
    letters = "bc" + "zyx"[-(len(axes) - 2) :]
    weights = rng.normal(size=(found, given, *(1,) * (len(axes) - 2))).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[axes.index(one) for one in letters]),
        helper.make_node("Conv", ["t", "w"], ["u"]),
        helper.make_node("Transpose", ["u"], ["y"], perm=[letters.index(one) for one in axes]),
    ]
    return packages.graph(nodes, {"w": weights}, (None,) * len(axes))


def files_of(folder, weights: bytes, given: np.ndarray, found: np.ndarray) -> None:
    (folder / "weights.onnx").write_bytes(weights)
    (folder / "README.md").write_text("# Validation\n\nby eye")
    np.save(folder / "given.npy", given)
    np.save(folder / "found.npy", found)


COMMON = {
    "type": "model",
    "name": "a tiny network",
    "description": "made up",
    "authors": [{"name": "Somebody", "affiliation": "Somewhere"}],
    "cite": [{"text": "a paper", "doi": "10.1007/978-3-319-24574-4_28"}],
    "license": "MIT",
    "tags": ["2d"],
}


def of_five(folder, *, before, after, given=2, found=2, axes="bcyx"):
    """Save a package of format 0.5."""
    sides = {"b": 1, "z": 4, "y": 32, "x": 48}
    files_of(
        folder,
        network(given, found, axes),
        np.ones([sides.get(one, given) for one in axes], np.float32),
        np.ones([sides.get(one, found) for one in axes], np.float32),
    )

    def named(count: int, size) -> list[dict]:
        of_letter = {
            "b": {"type": "batch"},
            "c": packages.channels(*(f"part{number}" for number in range(count))),
        }
        return [of_letter.get(one) or packages.space(one, size(one)) for one in axes]

    def any_size(letter: str) -> dict:
        return {"min": 4 if letter == "z" else 16, "step": 2 if letter == "z" else 8}

    def as_image(letter: str) -> dict:
        return {"tensor_id": "image", "axis_id": letter}

    return {
        **COMMON,
        "format_version": "0.5.4",
        "documentation": "README.md",
        "inputs": [
            {
                "id": "image",
                "axes": named(given, any_size),
                "test_tensor": {"source": "given.npy"},
                "data": {"type": "float32"},
                "preprocessing": before,
            }
        ],
        "outputs": [
            {
                "id": "answer",
                "axes": named(found, as_image),
                "test_tensor": {"source": "found.npy"},
                "data": {"type": "float32"},
                "postprocessing": after,
            }
        ],
        "weights": {"onnx": {"source": "weights.onnx", "opset_version": 17}},
    }


def of_four(folder, *, before, after, axes="bcyx", halo=None, offset=0):
    """Describe a package of format 0.4."""
    sides = {"b": 1, "c": 1, "y": 32, "x": 48}
    files_of(
        folder,
        network(1, 1, axes),
        np.ones([sides[one] for one in axes], np.float32),
        np.ones([sides[one] for one in axes], np.float32),
    )
    least, step = {"b": 1, "c": 1, "y": 16, "x": 16}, {"b": 0, "c": 0, "y": 8, "x": 8}
    halo_of = {} if halo is None else {"halo": [halo if one in "yx" else 0 for one in axes]}
    return {
        **COMMON,
        "format_version": "0.4.10",
        "documentation": "README.md",
        "timestamp": "2023-01-01T00:00:00",
        "test_inputs": ["given.npy"],
        "test_outputs": ["found.npy"],
        "inputs": [
            {
                "name": "image",
                "axes": axes,
                "data_type": "float32",
                "shape": {
                    "min": [least[one] for one in axes],
                    "step": [step[one] for one in axes],
                },
                "preprocessing": before,
            }
        ],
        "outputs": [
            {
                "name": "answer",
                "axes": axes,
                "data_type": "float32",
                "shape": {
                    "reference_tensor": "image",
                    "scale": [1.0] * len(axes),
                    "offset": [0.0 if one in "bc" else offset for one in axes],
                },
                "postprocessing": after,
                **halo_of,
            }
        ],
        "weights": {"onnx": {"source": "weights.onnx", "opset_version": 17}},
    }


def saved(folder, described: dict):
    """Check a description by the format's own tool and save its package, a zip file."""
    with spec.ValidationContext(root=folder, warning_level=50):
        built = spec.build_description(described)
    assert not isinstance(built, spec.InvalidDescr), built.get_reason()
    return spec.save_bioimageio_package(built, output_path=folder / "package.zip")


def of_core(path, image: np.ndarray, axes: str) -> np.ndarray:
    """Return what bioimageio.core answers for (C, *axes), in that order."""
    core = pytest.importorskip("bioimageio.core")
    letters = "bc" + "zyx"[-(image.ndim - 1) :]
    given = image[None].transpose([letters.index(one) for one in axes])
    described = spec.load_model_description(path, perform_io_checks=False)
    found = core.predict(model=described, inputs=np.ascontiguousarray(given))
    found = np.asarray(found.members["answer"].data)
    return found.transpose([axes.index(one) for one in letters])[0]


def shared(parts: np.ndarray) -> np.ndarray:
    """Return what the parts' probabilities are once the background has its own."""
    whole = np.concatenate([1 - parts.max(0, keepdims=True), parts])
    return whole / whole.sum(0)


SIGMOID = [{"id": "sigmoid"}]
FIVE = {
    "zero mean of all": dict(before=[{"id": "zero_mean_unit_variance"}], after=SIGMOID),
    "zero mean of each": dict(
        before=[{"id": "zero_mean_unit_variance", "kwargs": {"axes": ["y", "x"]}}],
        after=SIGMOID,
    ),
    "linear": dict(
        before=[
            {
                "id": "scale_linear",
                "kwargs": {"axis": "channel", "gain": [0.5, 2.0], "offset": [0.1, -0.2]},
            }
        ],
        after=SIGMOID,
    ),
    "range, clipped": dict(
        before=[
            {
                "id": "scale_range",
                "kwargs": {"axes": ["y", "x"], "min_percentile": 2, "max_percentile": 98},
            },
            {"id": "clip", "kwargs": {"min": 0.1, "max": 0.9}},
        ],
        after=SIGMOID,
    ),
    "fixed": dict(
        before=[
            {
                "id": "fixed_zero_mean_unit_variance",
                "kwargs": {"axis": "channel", "mean": [90.0, 110.0], "std": [10.0, 30.0]},
            }
        ],
        after=SIGMOID,
    ),
    "binarized": dict(
        before=[{"id": "zero_mean_unit_variance"}],
        after=[
            {"id": "sigmoid"},
            {"id": "binarize", "kwargs": {"threshold": 0.6}},
        ],
    ),
    "scaled and clipped after": dict(
        before=[{"id": "zero_mean_unit_variance"}],
        after=[
            {"id": "scale_linear", "kwargs": {"gain": 0.2, "offset": 0.5}},
            {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}},
            {"id": "sigmoid"},
        ],
    ),
    "channels last": dict(before=[{"id": "zero_mean_unit_variance"}], after=SIGMOID, axes="byxc"),
    "volumes": dict(
        before=[{"id": "scale_range", "kwargs": {"axes": ["z", "y", "x"]}}],
        after=SIGMOID,
        axes="bczyx",
    ),
}
FOUR = {
    "zero mean": dict(
        before=[
            {"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "cyx"}}
        ],
        after=[{"name": "sigmoid"}],
        halo=4,
    ),
    "fixed": dict(
        before=[
            {
                "name": "zero_mean_unit_variance",
                "kwargs": {"mode": "fixed", "axes": "yx", "mean": [100.0], "std": [20.0]},
            }
        ],
        after=[{"name": "sigmoid"}],
    ),
    "range, channels last": dict(
        before=[
            {
                "name": "scale_range",
                "kwargs": {
                    "mode": "per_sample",
                    "axes": "yx",
                    "min_percentile": 5,
                    "max_percentile": 99.8,
                },
            }
        ],
        after=[{"name": "sigmoid"}],
        axes="byxc",
    ),
    "linear": dict(
        before=[{"name": "scale_linear", "kwargs": {"gain": 0.01, "offset": -1.0}}],
        after=[{"name": "sigmoid"}],
    ),
}
MADE = {f"0.5, {name}": (of_five, how) for name, how in FIVE.items()}
MADE |= {f"0.4, {name}": (of_four, how) for name, how in FOUR.items()}


@pytest.mark.parametrize("kind", MADE)
def test_answers_are_those_of_bioimageio_core_whole_and_in_tiles(tmp_path, rng, kind):
    describe, how = MADE[kind]
    path = saved(tmp_path, describe(tmp_path, **how))
    axes = how.get("axes", "bcyx")
    shape = (4, 32, 48) if "z" in axes else (64, 80)
    image = rng.normal(100, 20, (2 if describe is of_five else 1, *shape)).astype(np.float32)
    expected = shared(of_core(path, image, axes))
    model = load_model(path)
    for tile in (None, 24):
        found = predict_probabilities(model, image if len(image) > 1 else image[0], tile)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_softmax_is_classes(tmp_path, rng):
    described = of_five(tmp_path, before=[], after=[{"id": "softmax"}], found=3)
    model = load_model(saved(tmp_path, described))
    assert model.header.network.outputs == "classes"
    assert [entry.name for entry in model.classes] == ["part0", "part1", "part2"]
    found = predict_probabilities(model, rng.random((2, 40, 40)).astype(np.float32))
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)


def test_a_crop_of_format_four_is_known(tmp_path):
    described = of_four(tmp_path, before=[], after=[{"name": "sigmoid"}], offset=-3)
    np.save(tmp_path / "found.npy", np.zeros((1, 1, 26, 42), np.float32))
    (rows, columns) = load_model(saved(tmp_path, described)).header.network.space
    assert (rows.least, rows.step, rows.crop) == (16, 8, 3)
    assert columns == rows


def test_weights_that_were_changed_are_refused_in_format_four(tmp_path):
    described = of_four(tmp_path, before=[], after=[{"name": "sigmoid"}])
    described["weights"]["onnx"]["sha256"] = "0" * 64
    path = packages.write_zip(tmp_path / "p.zip", described, weights=network(1, 1))
    with pytest.raises(InvalidModel, match="is not what its description says"):
        load_model(path)


def test_nothing_is_fetched(tmp_path, monkeypatch):
    def refused(*_args, **_kwargs):
        raise AssertionError("something was fetched")

    described = of_five(tmp_path, before=[], after=SIGMOID)
    described |= {
        "documentation": "https://example.org/README.md",
        "covers": ["https://example.org/cover.png"],
        "git_repo": "https://example.org/repository",
        "attachments": [{"source": "https://example.org/more.zip"}],
        "authors": [{"name": "Somebody", "github_user": "somebody"}],
        "maintainers": [{"name": "Somebody", "github_user": "somebody-else"}],
        "parent": {"id": "affable-shark"},
        "training_data": {"id": "ilastik/covid"},
    }
    described["outputs"][0]["test_tensor"] = {"source": "https://example.org/found.npy"}
    path = packages.write_zip(tmp_path / "p.zip", described, weights=network(2, 2))
    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert load_model(path).header.network.in_channels == 2
    described["inputs"][0]["output_of"] = "affable-shark"
    with pytest.raises(InvalidModel, match="what another model answers"):
        load_model(packages.write_zip(tmp_path / "q.zip", described, weights=network(2, 2)))


def test_the_format_is_imported_only_for_a_package():
    code = (
        "import sys, napari_unet.core.sharing.load_model;"
        "assert not {'bioimageio', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
