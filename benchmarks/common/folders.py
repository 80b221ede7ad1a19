"""Data sets as folders: images/, labels/ with files of the same names, and info.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_unet.errors import InvalidInput

_MOST_CLASSES = 8  # more ids than these are objects


def files_in(folder: Path) -> list[Path]:
    """Return the visible files of a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")


def frame_numbers(names: Sequence[str]) -> list[int]:
    """Return the numbers that the names end in if they differ in nothing else, or nothing."""
    matches = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    found = [match for match in matches if match]
    if len(found) < len(names) or len({match[1] for match in found}) > 1:
        return []
    return [int(match[2]) for match in found]


def read_info(folder: Path) -> dict[str, Any]:
    """Return what ``info.json`` says; nothing if there is none.

    Raises
    ------
    InvalidInput
        It is no JSON object.
    """
    path = folder / "info.json"
    if not path.is_file():
        return {}
    try:
        info = json.loads(path.read_text())
    except ValueError:
        info = None
    if not isinstance(info, dict):
        raise InvalidInput(f"{path} is no JSON object; mend it or take it away.")
    return info


def holds_objects(info: dict[str, Any], ids: Iterable[int]) -> bool:
    """Tell whether labels are objects: ``kind`` says so, or without it there are over eight ids."""
    usual = "instance" if len(set(ids)) > _MOST_CLASSES else "semantic"
    return str(info.get("kind", usual)).startswith("instance")


def is_annotated(info: dict[str, Any], class_id: int) -> bool:
    """Tell whether a class is one: a class 0 called "not annotated" is none."""
    name = str(info.get("classes", {}).get("0", ""))
    return class_id != 0 or not name.startswith("not annotated")
