"""What a description of the bioimage.io format 0.5 means for this program."""

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from napari_unet.core.labels.classes import ClassInfo, LabelKind, default_color
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.onnx_network import ForeignNetwork, SpaceAxis
from napari_unet.core.network.onnx_steps import Activation, Binarize, Clip, Known, Measured, Scale
from napari_unet.errors import InvalidModel

ReadExample = Callable[[Any], np.ndarray]
_UNKNOWN_CONTEXT = 32  # pixels of overlap where a description names no halo
_BACKGROUND = re.compile(r"back_?ground|bg", re.IGNORECASE)


def described_header(description: Any, example: ReadExample) -> ModelHeader:
    """Describe the model of a package.

    From a ``ModelDescr`` of ``bioimageio.spec.model.v0_5``; ``example`` reads a file that it names,
    an array. ``InvalidModel`` if it needs what is not known here, pydantic's ``ValidationError`` if
    it is nonsense that the format allows. Warns of what was guessed that it does not say.
    """
    inputs, found = description.inputs, description.outputs[0]
    if len(inputs) != 1:
        raise InvalidModel(f"it takes {len(inputs)} images; only models of one image can be used.")
    (given,) = inputs
    axes, output_axes = _letters(given.axes), _letters(found.axes)
    own = _own(description)
    channels = _channels(found.axes)
    after = _steps(found, "after")
    exclusive = _is_exclusive(channels, found, after, example)
    classes, kind = _classes(own, channels, exclusive=exclusive)
    network = ForeignNetwork(
        in_channels=len(_channels(given.axes)),
        n_classes=len(classes),
        ndim=sum(letter in "zyx" for letter in axes.values()),  # type: ignore[arg-type]  # validated
        axes="".join(axes.values()),
        output_axes="".join(output_axes.values()),
        space=tuple(_space(description, own)),
        before=tuple(_steps(given, "before")),
        after=tuple(after),
        outputs="classes" if exclusive else "parts",
        mirrors="blocks" not in own,  # one of this program knows what to do at the borders
    )
    space = [axis for axis in given.axes if axis.type == "space"]
    units = {axis.unit for axis in space}
    known = len(units) == 1 and None not in units
    return ModelHeader(
        network=network,
        preset=None,
        label_kind=kind,
        classes=classes,
        pixel_size=tuple(axis.scale for axis in space) if known else None,
        pixel_unit=units.pop() if known else None,
    )


def _letters(axes: Iterable[Any]) -> dict[str, str]:
    """Return a letter for each axis, by its name."""
    letters = {}
    for axis in axes:
        name = str(axis.id) if axis.type == "space" else axis.type
        if name not in ("batch", "channel", "z", "y", "x"):
            raise InvalidModel(
                f"it has an axis {name}, and only images with rows, columns, slices and channels "
                "can be used."
            )
        letters[str(axis.id)] = name[0]
    return letters


def _channels(axes: Iterable[Any]) -> list[str]:
    """Return the names of the channels."""
    named = (axis.channel_names for axis in axes if axis.type == "channel")
    return [
        re.sub(r"[\x00-\x1f\x7f]", " ", str(name)).strip()[:200] or "class"
        for name in next(named, ["one"])
    ]


def _space(description: Any, own: Mapping[str, Any]) -> Iterable[SpaceAxis]:
    """Iterate over the rules of the axes of space."""
    given, found = description.inputs[0], description.outputs[0]
    flexible = [(given.id, axis.id) for axis in given.axes if hasattr(axis.size, "step")]
    small, large = (description.get_axis_sizes(dict.fromkeys(flexible, n)) for n in (0, 1))
    answers = {axis.id: axis for axis in found.axes if axis.type == "space"}
    blocks = own.get("blocks")
    space = [axis for axis in given.axes if axis.type == "space"]
    for number, axis in enumerate(space):
        answer, key = answers.get(axis.id), (given.id, axis.id)
        least = small.inputs[key]
        step = large.inputs[key] - least
        lost = {
            sizes.inputs[key] - sizes.outputs.get((found.id, axis.id), 0)
            for sizes in (small, large)
        }
        crop, odd = divmod(lost.pop(), 2)
        if answer is None or lost or crop < 0 or odd or not np.isclose(answer.scale, axis.scale):
            raise InvalidModel(
                f"its answer is of another size than the image along {axis.id}; only models that "
                "answer for each pixel can be used."
            )
        halo, stride = getattr(answer, "halo", 0), step or 1
        if blocks:
            halo, stride = blocks["halo"][number], blocks["stride"][number]
        elif not halo and not crop:
            if number == 0:
                _guessed("how much context it needs", "at most 32 pixels around each tile are used")
            halo = _UNKNOWN_CONTEXT if step else min(_UNKNOWN_CONTEXT, least // 8)
        yield SpaceAxis(least=least, step=step, crop=crop, halo=halo, stride=stride)


def _steps(tensor: Any, where: str) -> list[Any]:
    """Return what is done to a tensor ``"before"`` or ``"after"`` the network.

    What is measured of a whole answer is not known while a tile of it is predicted.
    """
    letters = _letters(tensor.axes)
    steps = tensor.preprocessing if where == "before" else tensor.postprocessing
    found = []
    for step in steps:
        if step.id == "ensure_dtype":  # all numbers are float32 here
            continue
        known = _fixed(step, letters) or (_measured(step, letters) if where == "before" else None)
        if known is None:
            raise InvalidModel(
                f"it needs {step.id} {where} the network, in a way that is not known here; use the "
                "program it was made for."
            )
        found.append(known)
    return found


def _fixed(step: Any, letters: Mapping[str, str]) -> Known | None:
    """Return a step that needs no numbers of the image, if it is one that is known here."""
    kwargs = step.kwargs
    axis = getattr(kwargs, "axis", None)
    if axis is not None and letters.get(axis) != "c":
        return None
    match step.id:
        case "scale_linear":
            return Scale(gain=_listed(kwargs.gain), offset=_listed(kwargs.offset))
        case "fixed_zero_mean_unit_variance":
            gain = tuple(1 / deviation for deviation in _listed(kwargs.std))
            pairs = zip(_listed(kwargs.mean), gain, strict=True)
            return Scale(gain=gain, offset=tuple(-mean * g for mean, g in pairs))
        case "clip" if kwargs.min_percentile is None and kwargs.max_percentile is None:
            return Clip(low=kwargs.min, high=kwargs.max)
        case "sigmoid" | "softmax":
            return Activation(kind=step.id)
        case "binarize":
            return Binarize(threshold=_listed(kwargs.threshold))
    return None


def _measured(step: Any, letters: Mapping[str, str]) -> Measured | None:
    """Return a step that needs numbers of the whole image, if it is one that is known here."""
    kwargs = step.kwargs
    if step.id not in ("scale_range", "zero_mean_unit_variance") or getattr(
        kwargs, "reference_tensor", None
    ):
        return None
    over = {letters[axis] for axis in kwargs.axes or letters} - {"b"}
    if not set(letters.values()) - {"b", "c"} <= over:
        return None
    ends = None
    if step.id == "scale_range":
        ends = kwargs.min_percentile, kwargs.max_percentile
    return Measured(percentiles=ends, eps=kwargs.eps, per_channel="c" not in over)


def _listed(value: Any) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _own(description: Any) -> Mapping[str, Any]:
    """Return what this program wrote into a package that it exported, if it did."""
    own = getattr(description.config, "napari_unet", None)
    return own if isinstance(own, Mapping) else {}


def _is_exclusive(
    channels: Sequence[str], output: Any, after: Sequence[Any], example: ReadExample
) -> bool:
    """Return whether the channels of an output are classes of which each pixel has one.

    That is so after a softmax, not after a sigmoid, and else where they sum to 1 in the example.
    """
    if len(channels) == 1:
        return False
    kinds = [step.kind for step in after]
    if "softmax" in kinds or "sigmoid" in kinds:
        return "softmax" in kinds
    found = None if output.test_tensor is None else example(output.test_tensor)
    letters = list(_letters(output.axes).values())
    if found is None or found.ndim != len(letters) or found.dtype.kind not in "fiub":
        _guessed("whether a pixel has one class or several", "each has the most probable one")
        return True
    return bool(np.allclose(found.sum(axis=letters.index("c"), dtype=np.float64), 1, atol=1e-3))


def _classes(
    own: Mapping[str, Any], names: Sequence[str], *, exclusive: bool
) -> tuple[tuple[ClassInfo, ...], LabelKind]:
    """Return the classes of the outputs, in their order, and what their ids are.

    The background is 0: the class that is called so, or the first; of channels that are parts it
    is what is none of them.
    """
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
