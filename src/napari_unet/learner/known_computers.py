"""The computers where a learner ran before: names of computers and commands, never a secret."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from platformdirs import user_config_path

from napari_unet.core.io.atomic import write_whole
from napari_unet.errors import UserError
from napari_unet.learner.computer import Computer

_MOST = 5


def known_computers() -> tuple[Computer, ...]:
    """Return them, the last one used first; none if their file cannot be read."""
    try:
        return tuple(Computer.checked(**entry) for entry in json.loads(_path().read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError):
        return ()


def remember(computer: Computer) -> None:
    """Put a computer first; where nothing can be written it is forgotten with the window."""
    computers = [computer, *(known for known in known_computers() if known != computer)][:_MOST]
    with suppress(OSError, UserError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_whole(_path(), json.dumps([asdict(known) for known in computers]).encode())


def _path() -> Path:
    return user_config_path("napari-unet", appauthor=False) / "computers.json"
