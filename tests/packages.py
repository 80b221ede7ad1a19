"""Tiny packages of the bioimage.io format, with graphs that are written here."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper


def release_of(package: str) -> tuple[int, ...]:
    return tuple(map(int, version(package).split(".")[:3]))


def other_programs_work() -> bool:
    """Tell whether bioimageio.spec works here: with pydantic 2.14 it does from 0.5.14 on."""
    try:
        return release_of("bioimageio.spec") >= (0, 5, 14) or release_of("pydantic") < (2, 14)
    except PackageNotFoundError:
        return False


needs_bioimageio = pytest.mark.skipif(
    not other_programs_work(), reason="bioimageio.spec does not work with this pydantic"
)


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def graph(nodes: list, constants: dict[str, np.ndarray], shape=(None, None, None, None)) -> bytes:
    """Return a graph from ``x`` to ``y``; ``None`` is a side of any length."""
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    sides = [side if side is not None else f"side{i}" for i, side in enumerate(shape)]
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))],
        tensors,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def identity(shape=(None, None, None, None)) -> bytes:
    """Return a graph that gives what it gets."""
    return graph([helper.make_node("Identity", ["x"], ["y"])], {}, shape)


def blur(side: int = 5, shape=(None, None, None, None)) -> bytes:
    """Return a graph that gives the mean of side x side pixels, with zeros beyond its input."""
    weights = np.full((1, 1, side, side), 1 / side**2, np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[side // 2] * 4)
    return graph([node], {"w": weights}, shape)


def opposites() -> bytes:
    """Return a graph of two channels, 4 * (1 - 2x) and its negative: logits of dark and bright."""
    weights = np.array([-8, 8], np.float32).reshape(2, 1, 1, 1)
    biases = np.array([4, -4], np.float32)
    return graph([helper.make_node("Conv", ["x", "w", "b"], ["y"])], {"w": weights, "b": biases})


def space(letter: str, size: Any, **more: Any) -> dict[str, Any]:
    return {"type": "space", "id": letter, "size": size, **more}


def channels(*names: str) -> dict[str, Any]:
    return {"type": "channel", "id": "channel", "channel_names": list(names)}


def description(
    *,
    given=("gray",),
    found=("cell",),
    size: Any = None,
    halo: int | None = None,
    before=(),
    after=(),
    letters: str = "yx",
    **more: Any,
) -> dict[str, Any]:
    """Describe a model from ``image`` to ``answer`` with the axes batch, channel and space."""
    size = size or {"min": 16, "step": 1}
    halo_of = {} if halo is None else {"halo": halo}
    references = [
        space(letter, {"tensor_id": "image", "axis_id": letter}, **halo_of) for letter in letters
    ]
    batch = {"type": "batch"}
    return {
        "type": "model",
        "format_version": "0.5.3",
        "name": "tiny network",
        "inputs": [
            {
                "id": "image",
                "axes": [batch, channels(*given), *(space(letter, size) for letter in letters)],
                "preprocessing": list(before),
            }
        ],
        "outputs": [
            {
                "id": "answer",
                "axes": [batch, channels(*found), *references],
                "postprocessing": list(after),
            }
        ],
        "weights": {"onnx": {"source": "weights.onnx", "opset_version": 17}},
        **more,
    }


def write_zip(path: Path, described: dict[str, Any] | str, **files: bytes) -> Path:
    """Write a package; ``weights`` is the content of weights.onnx, and so on."""
    text = described if isinstance(described, str) else yaml.safe_dump(described)
    names = {"weights": "weights.onnx", "example": "example.npy"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("rdf.yaml", text)
        for name, content in files.items():
            package.writestr(names[name], content)
    return path


def write_folder(path: Path, described: dict[str, Any], weights: bytes | None) -> Path:
    path.mkdir()
    (path / "rdf.yaml").write_text(yaml.safe_dump(described))
    if weights is not None:
        (path / "weights.onnx").write_bytes(weights)
    return path
