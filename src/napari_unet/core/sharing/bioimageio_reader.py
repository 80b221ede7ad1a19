"""A package of the bioimage.io format as a model file of this program; free of torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import save as save_arrays

from napari_unet.core.io.optional import needed
from napari_unet.core.models.header import GRAPH, METADATA_KEY, read_model_file
from napari_unet.core.models.onnx_check import check_graph
from napari_unet.core.sharing.bioimageio_files import (
    DESCRIPTIONS,
    Folder,
    PackageFiles,
    Zip,
    is_package,
    read_array,
)
from napari_unet.core.sharing.bioimageio_header import described_header
from napari_unet.errors import InvalidModel, UnreadableFile

_MOST_TEXT = 2**20  # bytes
_MOST_GRAPH = 2**31 - 1  # ONNX files are at most 2 GiB
_MOST_EXAMPLE = 2**28
_MOST_ENTRIES = 20_000  # of a description, what is repeated by reference counted each time


def model_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a model file, or what a package is as one.

    Parameters
    ----------
    path
        A model file, or a package of the bioimage.io format 0.5: a zip file or a folder.

    Raises
    ------
    UnreadableFile
        It cannot be read.
    InvalidModel
        The package is damaged, not to be trusted, or needs what is not known here.
    InvalidInput
        A package of the extra ``bioimageio`` is missing.
    """
    path = Path(path)
    if not is_package(path):
        return read_model_file(path)
    try:
        return _imported(Folder(path) if path.is_dir() else Zip(path))
    except MemoryError:
        raise UnreadableFile(
            f"{path} does not fit into memory; close other programs, or use a smaller model."
        ) from None


def _imported(files: PackageFiles) -> bytes:
    description = _description(files)
    weights = _weights(description)
    graph = _checked(files, weights, _MOST_GRAPH)
    check_graph(graph)
    try:
        header = described_header(description, lambda entry: _example(files, entry))
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        if isinstance(error, InvalidModel):
            raise
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise InvalidModel(
            f"the package's description cannot be used ({detail}); check it with bioimageio.core."
        ) from None
    tensors = {GRAPH: np.frombuffer(graph, np.uint8)}
    return save_arrays(tensors, metadata={METADATA_KEY: header.model_dump_json()})


def _description(files: PackageFiles) -> dict[str, Any]:
    yaml = needed("yaml", "bioimageio", "a bioimage.io package")
    text = None
    for name in DESCRIPTIONS:
        try:
            text = files.read(name, _MOST_TEXT)
            break
        except InvalidModel as error:
            if "is missing" not in str(error):
                raise
    if text is None:
        raise InvalidModel("it has no rdf.yaml, so it is no bioimage.io package; choose another.")
    try:
        found = yaml.safe_load(text)
        _count(found, [_MOST_ENTRIES])
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        line = str(error).partition("\n")[0]
        raise InvalidModel(f"its rdf.yaml cannot be read ({line}); take another copy.") from None
    if not isinstance(found, dict) or found.get("type", "model") != "model":
        raise InvalidModel("its rdf.yaml describes no model; choose another package.")
    return found


def _count(value: Any, left: list[int]) -> None:
    """Refuse a description that is small as a file and huge once its references are followed."""
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("it has too many entries")
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _count(part, left)


def _weights(description: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the ONNX weights.

    Raises
    ------
    InvalidModel
        There are only others. Those of PyTorch, TorchScript, Keras and TensorFlow run code that
        came with them, or need a program of their own.
    """
    weights = description.get("weights")
    entry = weights.get("onnx") if isinstance(weights, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("source"), str):
        has = ", ".join(map(str, weights)) if isinstance(weights, dict) and weights else "none"
        raise InvalidModel(
            f"it has no ONNX weights (only {has}), and weights that need code of their own to run "
            "are not used; export the model as ONNX."
        )
    if entry.get("external_data"):
        raise InvalidModel(
            "the ONNX file in the package keeps its weights in another file; ask its author for "
            "one that holds them itself."
        )
    return entry


def _checked(files: PackageFiles, entry: dict[str, Any], most: int) -> bytes:
    """Read a file that a description names, and compare it with its checksum."""
    content = files.read(entry["source"], most)
    expected = entry.get("sha256")
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise InvalidModel(
            f"{entry['source']} in the package is not what its description says; take another copy."
        )
    return content


def _example(files: PackageFiles, entry: Any) -> np.ndarray | None:
    """Return the example of a tensor, or ``None`` if there is none."""
    if not isinstance(entry, dict) or not isinstance(entry.get("source"), str):
        return None
    return read_array(_checked(files, entry, _MOST_EXAMPLE), entry["source"])
