"""Other programs, each in an environment of its own in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from napari_unet.errors import UserError


def our_torch() -> str:
    """Return what pip is told so that another program computes with a torch as new as ours."""
    return f"torch=={version('torch').partition('+')[0]}"


def environment(name: str, packages: Sequence[str], *, shared: bool = False) -> Path:
    """Return the Python of an environment, which is made when it is not there yet.

    Parameters
    ----------
    name
        Of its folder.
    packages
        What pip is told to install. Others than before make the environment anew.
    shared
        Whether it sees what this Python has installed too, torch above all, so that only the rest
        is installed.

    Raises
    ------
    UserError
        The packages cannot be installed.
    """
    cache = user_cache_path("napari-unet-live", appauthor=False) / "benchmarks"
    folder = cache / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    whole, wanted = folder / "installed", "\n".join(packages)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{name}.lock"):
        if not whole.is_file() or whole.read_text() != wanted:
            venv.create(folder, clear=True, with_pip=True)
            if shared:
                _let_see_ours(folder)
            ran = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", *packages],
                capture_output=True,
                text=True,
            )
            if ran.returncode:
                reason = (ran.stderr.strip() or "pip gave no reason").splitlines()[-1]
                raise UserError(
                    f"{' and '.join(packages)} cannot be installed into {folder}: {reason}. "
                    f"Mend that, or leave {name.rpartition('-')[0] or name} out."
                )
            whole.write_text(wanted)
    return python


def _let_see_ours(folder: Path) -> None:
    places = {"base": str(folder), "platbase": str(folder)}
    theirs = Path(sysconfig.get_path("purelib", "venv", places))
    (theirs / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
