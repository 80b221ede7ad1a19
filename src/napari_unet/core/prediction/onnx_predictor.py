"""What the network of another program says of a tile, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_unet.core.images.box import Tile
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import Plane, intensities_of, read_part, sample_of
from napari_unet.core.images.normalise import not_imaged
from napari_unet.core.io.optional import needed
from napari_unet.core.models.header import GRAPH
from napari_unet.core.models.onnx_check import check_graph
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.core.network.onnx_steps import Before, Known, Measured
from napari_unet.core.network.tiling import context, inner
from napari_unet.errors import InvalidInput, InvalidModel

if TYPE_CHECKING:
    from napari_unet.core.models.model import Model

_NO_MEMORY = "Failed to allocate memory"
_TOLERANCE = 0.01  # by which probabilities may leave the range of 0 to 1
_sessions: WeakKeyDictionary[Model, Any] = WeakKeyDictionary()


class ForeignAnswers:
    """A foreign model's answers for the tiles of one plane.

    (C, Y, X), for a model of volumes (C, Z, Y, X); any real dtype; need not be in memory.
    ``InvalidInput`` or ``InvalidModel`` if it does not fit, onnxruntime is missing, or it cannot
    run the graph.
    """

    def __init__(self, model: Model, plane: Plane) -> None:
        network = model.header.network
        assert isinstance(network, ForeignNetwork)
        if len(plane.shape) != 1 + network.ndim or plane.shape[0] != network.in_channels:
            raise InvalidInput(
                f"the model needs {network.in_channels} channel(s) of {network.ndim} axes and was "
                f"given an image of shape {tuple(plane.shape)}; choose one that fits."
            )
        self._network, self._plane = network, plane
        self._session = _session_of(model)
        self._before = _resolved(network.before, plane)

    def probabilities(self, tile: Tile) -> np.ndarray:
        """Return each class's probability, (K, *axes) float32 of the tile's size.

        Of no class where nothing was imaged.
        """
        network = self._network
        indices = context(network, tile, self._plane.shape[1:])
        pixels = read_part(self._plane, *indices)
        missing = not_imaged(pixels)
        if missing is not None:
            grounds = [known.ground for known in self._intensities]
            fill = np.reshape(grounds, (-1, *(1,) * network.ndim))
            pixels = np.where(np.isfinite(pixels), pixels, fill)
        patch = _applied(self._before, pixels.astype(np.float64))
        found = self._run(patch)  # (C', *axes), cropped by the network
        part = inner(network, tile)
        crops = [axis.crop for axis in network.space]
        answered = (slice(s.start - c, s.stop - c) for s, c in zip(part, crops, strict=True))
        found = found[:, *answered]
        found = _probabilities(_applied(network.after, found), network)
        if missing is not None:
            found[:, missing[part]] = 0
        return found

    @cached_property
    def _intensities(self) -> Intensities:
        return intensities_of(self._plane)

    def _run(self, patch: np.ndarray) -> np.ndarray:
        """Run the graph on (C, *axes) float32; return (C', *axes)."""
        network = self._network
        letters = "c" + "zyx"[-network.ndim :]
        given = _arranged(patch, letters, network.axes)
        name, wanted = self._session.get_inputs()[0].name, self._session.get_outputs()[0].name
        try:
            found = self._session.run([wanted], {name: np.ascontiguousarray(given)})[0]
        except Exception as error:  # onnxruntime's errors have no base of their own
            if _NO_MEMORY in str(error):
                raise MemoryError(str(error)) from None  # answered by smaller tiles
            raise InvalidModel(
                f"the model's ONNX graph cannot be run on an input of shape {given.shape} "
                f"({_first_line(error)}); ask its author, or check its description."
            ) from None
        found = _back(np.asarray(found, np.float32), network.output_axes, letters)
        sides = [
            side - 2 * axis.crop for side, axis in zip(patch.shape[1:], network.space, strict=True)
        ]
        if list(found.shape[1:]) != sides:
            raise InvalidModel(
                f"the model's ONNX graph answered {found.shape[1:]} pixels where its description "
                f"says {tuple(sides)}; ask its author."
            )
        return found


def _session_of(model: Model) -> Any:
    """Return what runs a model's graph, the same at each call."""
    session = _sessions.get(model)
    if session is None:
        runtime = needed("onnxruntime", "bioimageio", "a model of another program")
        graph = model.weights[GRAPH].numpy().tobytes()
        check_graph(graph)  # a model file may come from anybody too
        try:
            session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise InvalidModel(
                f"the model's ONNX graph cannot be run here ({_first_line(error)}); update "
                "onnxruntime, or ask its author."
            ) from None
        if len(session.get_inputs()) != 1:
            raise InvalidModel(
                f"the model's ONNX graph takes {len(session.get_inputs())} inputs; only models of "
                "one image can be used."
            )
        _sessions[model] = session
    return session


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _arranged(patch: np.ndarray, letters: str, axes: str) -> np.ndarray:
    """Give (C, *axes) the axes of a network's input."""
    kept = [letter for letter in axes if letter != "b"]
    if "c" not in kept:
        patch, letters = patch[0], letters[1:]
    arranged = patch.transpose([letters.index(letter) for letter in kept])
    return arranged[None] if "b" in axes else arranged


def _back(found: np.ndarray, axes: str, letters: str) -> np.ndarray:
    """Give a network's output the axes (C, *axes)."""
    if found.ndim != len(axes):
        raise InvalidModel(
            f"the model's ONNX graph answered {found.ndim} axes where its description says "
            f"{len(axes)}; ask its author."
        )
    if "b" in axes:
        found, axes = found[0], axes[1:]
    if "c" not in axes:
        found, axes = found[None], "c" + axes
    return found.transpose([axes.index(letter) for letter in letters])


def _resolved(steps: Sequence[Before], plane: Plane) -> list[Known]:
    """Replace what asks for the whole plane's statistics by numbers, from a sample of it.

    As the format has it, each step sees what the steps before made of the whole plane. Why not
    bioimageio.core: it measures an image that is wholly in memory, or each block by itself, whose
    answers would not fit together; and its 0.11 leaves out ``eps`` of ``zero_mean_unit_variance``.
    """
    if not any(isinstance(step, Measured) for step in steps):
        return list(steps)  # type: ignore[arg-type]  # none is measured
    pixels = sample_of(plane).astype(np.float64)  # (C, N)
    resolved: list[Known] = []
    for step in steps:
        known = step.known(pixels) if isinstance(step, Measured) else step
        pixels = known.applied(pixels)
        resolved.append(known)
    return resolved


def _applied(steps: Sequence[Known], x: np.ndarray) -> np.ndarray:
    """Apply steps to (C, ...), in its dtype; returns float32."""
    for step in steps:
        x = step.applied(x)
    return x.astype(np.float32, copy=False)


def _probabilities(found: np.ndarray, network: ForeignNetwork) -> np.ndarray:
    """Turn what came out, (C', *axes), into the probabilities of the classes, (K, *axes)."""
    channels = network.n_classes - (network.outputs == "parts")
    low, high = float(found.min()), float(found.max())
    if len(found) != channels:
        raise InvalidModel(
            f"the model's ONNX graph answered {len(found)} channels where its description says "
            f"{channels}; ask its author."
        )
    if low < -_TOLERANCE or high > 1 + _TOLERANCE or np.isnan(low):
        raise InvalidModel(
            f"the model answers numbers from {low:.3g} to {high:.3g}, which are no probabilities; "
            "only models of classes can be used."
        )
    found = np.clip(found, 0, 1)
    if network.outputs == "parts":
        found = np.concatenate([1 - found.max(axis=0, keepdims=True), found])
    total = found.sum(axis=0, keepdims=True)
    even = np.float32(1 / len(found))
    return np.where(total > 0, found / np.maximum(total, 1e-9), even).astype(np.float32)
