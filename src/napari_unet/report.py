"""What to tell of a problem: versions, device, and the end of the log."""

import platform
from importlib.metadata import PackageNotFoundError, version

from napari_unet.log import last_lines, log_file

_PACKAGES = (
    "napari-unet-live",
    "torch",
    "numpy",
    "scikit-image",
    "napari",
    "qtpy",
    "PyQt6",
    "PySide6",
)
_LINES = 100


def versions() -> list[str]:
    """Return a line each for Python, the system and the packages that matter."""
    lines = [f"{'python':16} {platform.python_version()} on {platform.platform()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package:16} {version(package)}")
        except PackageNotFoundError:
            lines.append(f"{package:16} not installed")
    return lines


def log_line() -> str:
    """Return where the log is."""
    return f"{'log':16} {log_file() or 'none: its folder cannot be written to'}"


def problem_report(device: str) -> str:
    """Return what whoever is to mend a problem needs to know, as text to copy.

    Parameters
    ----------
    device
        Where the learner computes, in words.
    """
    facts = [*versions(), f"{'device':16} {device or 'not known yet'}", log_line()]
    return "\n".join([*facts, "", *last_lines(_LINES)]) + "\n"
