"""What a bioimage.io description says to do before and after the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from napari_unet.core.network.onnx_network import (
    Activation,
    Binarize,
    Clip,
    Scale,
    ScaleRange,
    ZeroMean,
)
from napari_unet.errors import InvalidModel

_NOTHING = ("ensure_dtype",)  # all numbers are float32 here


def steps_before(steps: Iterable[Mapping[str, Any]], axes: str) -> list[Any]:
    """Return what is done to an image before the network sees it.

    Parameters
    ----------
    steps
        ``preprocessing`` of a description.
    axes
        Of the input, a letter each.

    Raises
    ------
    InvalidModel
        A step is not known here.
    """
    found: list[Any] = []
    for step in steps:
        name, kwargs = step["id"], step.get("kwargs") or {}
        if name in ("scale_range", "zero_mean_unit_variance"):
            if kwargs.get("reference_tensor"):
                raise InvalidModel(_unknown(f"{name} with a reference"))
            per_channel = _is_per_channel(kwargs.get("axes"), axes, name)
            eps = kwargs.get("eps", 1e-6)
            if name == "scale_range":
                low, high = kwargs.get("min_percentile", 0.0), kwargs.get("max_percentile", 100.0)
                found.append(ScaleRange(low=low, high=high, eps=eps, per_channel=per_channel))
            else:
                found.append(ZeroMean(eps=eps, per_channel=per_channel))
        elif name == "fixed_zero_mean_unit_variance":
            found.append(_fixed(kwargs))
        elif name not in _NOTHING:
            found.append(_either(name, kwargs))
    return found


def steps_after(steps: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return what is done to what comes out of the network.

    Parameters
    ----------
    steps
        ``postprocessing`` of a description.

    Raises
    ------
    InvalidModel
        A step is not known here.
    """
    found: list[Any] = []
    for step in steps:
        name, kwargs = step["id"], step.get("kwargs") or {}
        if name == "sigmoid" or (name == "softmax" and kwargs.get("axis", "channel") == "channel"):
            found.append(Activation(kind=name))
        elif name == "binarize" and isinstance(kwargs.get("threshold"), int | float):
            found.append(Binarize(threshold=kwargs["threshold"]))
        elif name not in _NOTHING:
            found.append(_either(name, kwargs))
    return found


def _either(name: str, kwargs: Mapping[str, Any]) -> Scale | Clip:
    if name == "scale_linear" and kwargs.get("axis", "channel") == "channel":
        gain, offset = _listed(kwargs.get("gain", 1.0)), _listed(kwargs.get("offset", 0.0))
        return Scale(gain=gain, offset=offset)
    if name == "clip" and not {"min_percentile", "max_percentile"} & kwargs.keys():
        return Clip(low=kwargs.get("min"), high=kwargs.get("max"))
    raise InvalidModel(_unknown(name))


def _fixed(kwargs: Mapping[str, Any]) -> Scale:
    if kwargs.get("axis", "channel") != "channel":
        raise InvalidModel(_unknown("fixed_zero_mean_unit_variance along another axis"))
    means, deviations = _listed(kwargs["mean"]), _listed(kwargs["std"])
    gain = tuple(1 / deviation for deviation in deviations)
    return Scale(gain=gain, offset=tuple(-m * g for m, g in zip(means, gain, strict=True)))


def _is_per_channel(named: Iterable[str] | None, axes: str, step: str) -> bool:
    """Return whether statistics are of each channel; they always are of the whole image."""
    if named is None:
        return False
    letters = {name[0] for name in named}  # of batch, channel, z, y, x
    if letters - {"b", "c"} != set(axes) - {"b", "c"}:
        raise InvalidModel(_unknown(f"{step} along {', '.join(named)}"))
    return "c" not in letters


def _listed(value: Any) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _unknown(step: str) -> str:
    return f"it needs {str(step)[:100]}, which is not known here; use the program it was made for."
