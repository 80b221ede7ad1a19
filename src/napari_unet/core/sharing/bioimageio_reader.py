"""A package of the bioimage.io format as a model file of this program; free of torch."""

import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import save as save_arrays

from napari_unet.core.io.optional import needed
from napari_unet.core.models.header import GRAPH, METADATA_KEY, read_model_file
from napari_unet.core.models.onnx_check import check_graph
from napari_unet.core.sharing.bioimageio_files import DESCRIPTIONS, content, is_package, opened
from napari_unet.core.sharing.bioimageio_header import described_header
from napari_unet.errors import InvalidModel, UnreadableFile

_MOST_TEXT = 2**20  # bytes
_MOST_GRAPH = 2**31 - 1  # ONNX files are at most 2 GiB
_MOST_EXAMPLE = 2**28
_MOST_ENTRIES = 20_000  # of a description, what is repeated by reference counted each time


def model_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a model file, or what a package is as one.

    A package is of the bioimage.io format up to 0.5, a zip file or a folder. ``InvalidModel`` if it
    is damaged, not to be trusted, or needs what is not known here; ``InvalidInput`` if the extra
    ``bioimageio`` is missing.
    """
    path = Path(path)
    if not is_package(path):
        return read_model_file(path)
    try:
        return _imported(opened(path))
    except MemoryError:
        raise UnreadableFile(
            f"{path} does not fit into memory; close other programs, or use a smaller model."
        ) from None


def _imported(root: Path | zipfile.Path) -> bytes:
    spec = needed("bioimageio.spec", "bioimageio", "a bioimage.io package")
    text = _text(root, spec.utils.read_yaml)
    described = _described(text, spec)
    weights = described.weights.onnx
    if weights is None:
        raise InvalidModel(
            f"it has no ONNX weights (only {', '.join(described.weights.available_formats)}), and "
            "weights that need code of their own to run are not used; export the model as ONNX."
        )
    # Where the format is 0.4, bioimageio.spec drops the checksum on the way to 0.5.
    checksum = weights.sha256 or text["weights"]["onnx"].get("sha256")
    graph = content(root, str(weights.source), _MOST_GRAPH, checksum)
    check_graph(graph)
    try:
        header = described_header(described, lambda file: _example(root, file))
    except ValidationError as error:
        raise _unusable(error.errors()[0]["msg"]) from None
    tensors = {GRAPH: np.frombuffer(graph, np.uint8)}
    return save_arrays(tensors, metadata={METADATA_KEY: header.model_dump_json()})


def _text(root: Path | zipfile.Path, read_yaml: Callable[[str], Any]) -> dict[str, Any]:
    """Return the description as it is written."""
    name = next((name for name in DESCRIPTIONS if (root / name).is_file()), None)
    if name is None:
        raise InvalidModel("it has no rdf.yaml, so it is no bioimage.io package; choose another.")
    try:
        found = read_yaml(content(root, name, _MOST_TEXT).decode())
        _count(found, [_MOST_ENTRIES])
    except InvalidModel:
        raise
    except Exception as error:  # of the parser, which has many
        line = str(error).partition("\n")[0]
        raise InvalidModel(f"its {name} cannot be read ({line}); take another copy.") from None
    if not isinstance(found, dict) or found.get("type") != "model":
        raise InvalidModel(f"its {name} describes no model; choose another package.")
    version = str(found.get("format_version"))
    if not re.match(
        r"0\.[345]\.", version
    ):  # bioimageio.spec reads a newer one as the last it knows
        raise InvalidModel(
            f"it is of the format {version[:20]}, and this version reads 0.3 to 0.5; update "
            "napari-unet, or get the model in format 0.5."
        )
    return found


def _count(value: Any, left: list[int]) -> None:
    """Refuse a description that is small as a file and huge once its references are followed."""
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("it has too many entries")
    if isinstance(value, dict) and "output_of" in value:  # fetched, whatever the context says
        raise InvalidModel("it works on what another model answers; choose a model of images.")
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _count(part, left)


def _described(text: dict[str, Any], spec: Any) -> Any:
    """Return a description as bioimageio.spec has it, of the format 0.5.

    No file but the text is looked at, and nothing is fetched.
    """
    context = spec.ValidationContext(perform_io_checks=False, log_warnings=False)
    try:
        found = spec.build_description(text, context=context, format_version="0.5")
    except MemoryError:
        raise
    except Exception as error:  # of the conversion from 0.4, which assumes much
        raise _unusable(str(error) or repr(error)) from None
    if isinstance(found, spec.InvalidDescr):
        raise _unusable(found.get_reason() or "it is not valid")
    return found


def _unusable(reason: str) -> InvalidModel:
    first = reason.partition("\n")[0][:300]
    return InvalidModel(
        f"the package's description cannot be used ({first}); check it "
        "with bioimageio.core, or update bioimageio.spec where the package is newer."
    )


def _example(root: Path | zipfile.Path, file: Any) -> np.ndarray:
    """Return the example of a tensor; never a pickle."""
    name = str(file.source)
    data = content(root, name, _MOST_EXAMPLE, file.sha256)
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, TypeError, SyntaxError, EOFError, RecursionError, MemoryError) as error:
        raise InvalidModel(
            f"{name} in the package is no array ({error}); take another copy of it."
        ) from None
