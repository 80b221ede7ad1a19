"""What a description of the bioimage.io format 0.5 means for this program."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from napari_unet.core.labels.classes import ClassInfo, LabelKind, default_color
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.onnx_network import ForeignNetwork, SpaceAxis
from napari_unet.core.sharing.bioimageio_steps import steps_after, steps_before
from napari_unet.errors import InvalidModel

ReadExample = Callable[[Any], np.ndarray | None]
_LETTERS = {"batch": "b", "channel": "c"}
_UNKNOWN_CONTEXT = 32  # pixels of overlap where a description names no halo
_BACKGROUND = re.compile(r"back_?ground|bg", re.IGNORECASE)


def described_header(description: Mapping[str, Any], example: ReadExample) -> ModelHeader:
    """Describe the model of a package.

    Parameters
    ----------
    description
        The content of ``rdf.yaml``.
    example
        Reads the test tensor of an entry, where there is one.

    Raises
    ------
    InvalidModel
        It is of another version, or needs what is not known here.

    Warns
    -----
    UserWarning
        Something was guessed that the description does not say.
    """
    _check_version(description)
    inputs, outputs = description["inputs"], description["outputs"]
    if len(inputs) != 1 or len(outputs) < 1:
        raise InvalidModel(
            f"it takes {len(inputs)} images and gives {len(outputs)}; only models of one image "
            "can be used."
        )
    given, found = inputs[0], outputs[0]
    axes, output_axes = _letters(given["axes"]), _letters(found["axes"])
    own = _own(description)
    channels = _channels(found["axes"])
    after = steps_after(found.get("postprocessing") or ())
    exclusive = _is_exclusive(channels, found, after, example)
    classes, kind = _classes(own, found["axes"], exclusive=exclusive)
    ndim = sum(letter in "zyx" for letter in axes)
    network = ForeignNetwork(
        in_channels=_channels(given["axes"]),
        n_classes=len(classes),
        ndim=ndim,  # type: ignore[arg-type]  # validated
        axes=axes,
        output=None if len(outputs) == 1 else str(found["id"]),
        output_axes=output_axes,
        space=tuple(_space(given, found["axes"], "zyx"[-ndim:], own)),
        before=tuple(steps_before(given.get("preprocessing") or (), axes)),
        after=tuple(after),
        outputs="classes" if exclusive else "parts",
    )
    size, unit = _pixel_size(given["axes"])
    return ModelHeader(
        network=network,
        preset=None,
        label_kind=kind,
        classes=classes,
        pixel_size=size,  # type: ignore[arg-type]  # validated
        pixel_unit=unit,
    )


def _check_version(description: Mapping[str, Any]) -> None:
    version = str(description.get("format_version", ""))
    if version.startswith("0.5."):
        return
    if re.match(r"0\.[0-4](\.|$)", version):
        raise InvalidModel(
            f"it is of the format {version}; bring it to 0.5 with `bioimageio update-format` of "
            "bioimageio.core."
        )
    raise InvalidModel(
        f"it is of the format {version or 'unknown'}, and this version reads 0.5; update "
        "napari-unet, or get the model in format 0.5."
    )


def _letters(axes: Sequence[Mapping[str, Any]]) -> str:
    """Return a letter for each axis."""
    letters = []
    for axis in axes:
        name = str(axis.get("id", axis["type"])) if axis["type"] == "space" else str(axis["type"])
        letter = _LETTERS.get(name, name if name in ("z", "y", "x") else "")
        if not letter:
            raise InvalidModel(
                f"it has an axis {name}, and only images with rows, columns, slices and channels "
                "can be used."
            )
        letters.append(letter)
    return "".join(letters)


def _channels(axes: Sequence[Mapping[str, Any]]) -> int:
    return next((len(axis["channel_names"]) for axis in axes if axis["type"] == "channel"), 1)


def _space(
    given: Mapping[str, Any],
    output: Sequence[Mapping[str, Any]],
    letters: str,
    own: Mapping[str, Any],
) -> list[SpaceAxis]:
    """Return the rules of the axes of space."""
    lengths = {axis["id"]: axis["size"] for axis in given["axes"] if axis["type"] == "space"}
    answers = {axis["id"]: axis for axis in output if axis["type"] == "space"}
    scales = {
        axis["id"]: axis.get("scale", 1.0) for axis in given["axes"] if axis["type"] == "space"
    }
    blocks = own.get("blocks", {})
    found = []
    for number, letter in enumerate(letters):
        least, step = _length(lengths, letter)
        answer = answers[letter]
        if not np.isclose(answer.get("scale", 1.0), scales[letter]):
            raise InvalidModel(
                "its answer has other pixels than the image; only models that answer for each "
                "pixel can be used."
            )
        crop = _crop(answer["size"], least if not step else None, str(given["id"]), letter)
        halo = answer.get("halo") or 0
        stride = step or 1
        if not halo and not crop and not blocks:
            if number == 0:
                _guessed("how much context it needs", "at most 32 pixels around each tile are used")
            halo = min(_UNKNOWN_CONTEXT, least // 8) if not step else _UNKNOWN_CONTEXT
        if blocks:
            halo, stride = blocks["halo"][number], blocks["stride"][number]
        found.append(SpaceAxis(least=least, step=step, crop=crop, halo=halo, stride=stride))
    return found


def _length(lengths: Mapping[str, Any], letter: str) -> tuple[int, int]:
    """Return the least length along an axis and the step to the next, 0 for none."""
    size = lengths[letter]
    if isinstance(size, Mapping) and "axis_id" in size:  # as long as another axis
        size = lengths[size["axis_id"]]
    if isinstance(size, Mapping):
        return size["min"], size["step"]
    return size, 0


def _crop(size: Any, fixed: int | None, tensor: str, letter: str) -> int:
    """Return by how much the output is shorter than the input, at each end."""
    if isinstance(size, Mapping):
        if (size.get("tensor_id"), size.get("axis_id")) != (tensor, letter):
            raise InvalidModel("its answer is as large as something else than the image.")
        lost = -size.get("offset", 0)
    else:
        lost = (fixed if fixed is not None else -1) - size
    if lost < 0 or lost % 2:
        raise InvalidModel(
            "its answer is of another size than the image; only models that answer for each pixel "
            "can be used."
        )
    return lost // 2


def _own(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what this program wrote into a package that it exported, if it did."""
    config = description.get("config")
    own = config.get("napari_unet") if isinstance(config, Mapping) else None
    return own if isinstance(own, Mapping) else {}


def _is_exclusive(
    channels: int, output: Mapping[str, Any], after: Sequence[Any], example: ReadExample
) -> bool:
    """Return whether the channels of an output are classes of which each pixel has one.

    That is so after a softmax, not after a sigmoid, and else where they sum to 1 in the example.
    """
    if channels == 1:
        return False
    kinds = [step.kind for step in after]
    if "softmax" in kinds or "sigmoid" in kinds:
        return "softmax" in kinds
    found = example(output.get("test_tensor"))
    axes = _letters(output["axes"])
    if found is None or found.ndim != len(axes) or found.dtype.kind not in "fiub":
        _guessed("whether a pixel has one class or several", "each has the most probable one")
        return True
    return bool(np.allclose(found.sum(axis=axes.index("c"), dtype=np.float64), 1, atol=1e-3))


def _classes(
    own: Mapping[str, Any], axes: Sequence[Mapping[str, Any]], *, exclusive: bool
) -> tuple[tuple[ClassInfo, ...], LabelKind]:
    """Return the classes of the outputs, in their order, and what their ids are.

    The background is 0: the class that is called so, or the first; of channels that are parts it
    is what is none of them.
    """
    names = next((list(axis["channel_names"]) for axis in axes if axis["type"] == "channel"), [])
    names = [_readable(str(name)) for name in names]
    try:
        kept = TypeAdapter(tuple[ClassInfo, ...]).validate_python(own.get("classes"))
        if exclusive and len(kept) == len(names):
            return kept, TypeAdapter(LabelKind).validate_python(own.get("label_kind"))
    except ValidationError:
        pass
    if not exclusive:
        found = ["background", *(names if len(names) > 1 else ["object"])]
        return _numbered(found, 0), "classes"
    first = next((i for i, name in enumerate(names) if _BACKGROUND.fullmatch(name)), None)
    if first is None:
        _guessed("which class is background", f"it is the first, {names[0]}")
    return _numbered(names, first or 0), "classes"


def _guessed(what: str, taken: str) -> None:
    warnings.warn(f"the model's package does not say {what}; {taken}.", stacklevel=4)


def _numbered(names: Sequence[str], background: int) -> tuple[ClassInfo, ...]:
    ids = [0 if i == background else i + (i < background) for i in range(len(names))]
    return tuple(
        ClassInfo(id=i, name=name, color=default_color(i + 1))
        for i, name in zip(ids, names, strict=True)
    )


def _readable(name: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", name).strip()[:200] or "class"


def _pixel_size(
    axes: Sequence[Mapping[str, Any]],
) -> tuple[tuple[float, ...] | None, str | None]:
    """Return the size of a pixel and its unit, where all axes have one."""
    space = [axis for axis in axes if axis["type"] == "space"]
    units = {axis.get("unit") for axis in space}
    if len(units) != 1 or units == {None}:
        return None, None
    return tuple(float(axis.get("scale", 1.0)) for axis in space), str(units.pop())
