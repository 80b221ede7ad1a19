"""Names of units: OME-Zarr spells them out, OME-XML and ImageJ have signs."""

import math
from collections.abc import Mapping

_METRES = {
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "meter": 1.0,
}
_SIGNS = {
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "microsecond": "µs",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
}
_SAME = {
    "um": "micrometer",
    "μm": "micrometer",  # the Greek letter instead of the micro sign
    "\\u00b5m": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "sec": "second",
    "seconds": "second",
    "ang": "angstrom",
}
_LONG = {sign.lower(): name for name, sign in _SIGNS.items()} | _SAME
_NOT_KNOWN = {"", "pixel", "pixels", "px", "inch", "none", "reference frame"}


def in_unit(size: float, unit: str | None, wanted: str | None) -> float | None:
    """Return a size in another unit; ``None`` if one of the units is no known length."""
    if unit is not None and unit == wanted:
        return size
    here, there = _METRES.get(unit or ""), _METRES.get(wanted or "")
    return None if here is None or there is None else size * here / there


def pixel_size_text(sizes: Mapping[str, float], units: Mapping[str, str]) -> str:
    """Return pixel sizes as text: ``"Y 0.5 µm, X 0.5 µm"``."""
    parts = (f"{axis} {size:.4g} {units.get(axis, '')}".rstrip() for axis, size in sizes.items())
    return ", ".join(parts)


def long_name(unit: object) -> str | None:
    """Return a unit's name as OME-Zarr has it (``"micrometer"``), ``None`` if it is no length.

    What is not known is kept in small letters.
    """
    text = str(unit or "").strip().lower()[:100].replace("metre", "meter")
    if text in _NOT_KNOWN:
        return None
    return _LONG.get(text, text)


def sign(unit: str | None) -> str | None:
    """Return a unit's sign as OME-XML has it (``"µm"``), ``None`` if OME-XML has none."""
    return _SIGNS.get(unit or "")


def known_size(value: object) -> float | None:
    """Return a pixel size that a file gives, ``None`` if it is none: not above 0, not finite."""
    try:
        size = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return size if math.isfinite(size) and size > 0 else None
