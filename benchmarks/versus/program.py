"""A program's process, and who the programs are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.common.environments import environment, our_torch
from benchmarks.strokes import convpaint
from napari_unet.errors import UserError

_ROOT = Path(__file__).parents[2]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Program:
    """One that is compared.

    Attributes
    ----------
    name
        For people.
    jobs
        The module of what it can do, see :mod:`benchmarks.versus.worker`.
    python
        Returns the Python of its environment.
    packages
        Whose versions are printed.
    """

    name: str
    jobs: str
    python: Callable[[], Path]
    packages: tuple[str, ...]


def _python_of(name: str, *packages: str, shared: bool = False) -> Callable[[], Path]:
    return lambda: environment(name, packages, shared=shared)


OURS = Program(
    "napari-unet", "benchmarks.versus.our_jobs", lambda: Path(sys.executable), ("torch", "numpy")
)
PEERS: dict[str, Program] = {
    "monai": Program(
        "MONAI",
        "benchmarks.versus.monai_jobs",
        _python_of("monai-1.6.1", "monai==1.6.1", shared=True),
        ("monai", "torch", "numpy"),
    ),
    "torch-em": Program(
        "torch-em",
        "benchmarks.versus.torch_em_jobs",
        _python_of("torch-em-0.10.9", "torch-em==0.10.9", our_torch(), shared=True),
        ("torch_em", "torch", "numpy"),
    ),
    "convpaint": Program(
        "Convpaint",
        "benchmarks.versus.convpaint_jobs",
        convpaint.environment,
        ("napari-convpaint", "catboost", "torch", "numpy"),
    ),
    "forest": Program(
        "scikit-learn",
        "benchmarks.versus.forest_jobs",
        _python_of(
            "forest-1.9.1-0.26.0", "scikit-learn==1.9.1", "scikit-image==0.26.0", shared=True
        ),
        ("scikit-learn", "scikit-image", "numpy"),
    ),
}


@dataclass(frozen=True)
class Spent:
    """What a call took.

    Attributes
    ----------
    seconds
        Of the call, by each clock.
    since_start
        The same from when the process was started.
    mebibytes
        The most that the process has held so far.
    """

    seconds: Mapping[str, float]
    since_start: Mapping[str, float]
    mebibytes: float


class Process:
    """A program that runs; a context manager that ends it.

    It is idle but for what it is asked. ``threads`` are those of its libraries.
    """

    def __init__(self, program: Program, *, threads: int) -> None:
        self.program = program
        python = program.python()
        path = [str(_ROOT), str(_ROOT / "src"), os.environ.get("PYTHONPATH", "")]
        settings = dict.fromkeys(_THREADS, str(threads)) | {
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "QT_QPA_PLATFORM": "offscreen",
        }
        self._start = time.monotonic()
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.versus.worker", program.jobs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | settings,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # it ends with its stdin

    def make(self, name: str, job: str, **arguments: object) -> None:
        """Make a job under a name."""
        self._ask({"do": "make", "name": name, "job": job, "arguments": arguments})

    def run(self, name: str, keep: Path | None = None) -> Spent:
        """Run a job; with ``keep``, an .npy file, keep what it returns."""
        said = self._ask({"do": "run", "name": name, "keep": None if keep is None else str(keep)})
        since = {
            "wall": time.monotonic() - self._start,
            "cpu": said["processor_seconds"] / 2,  # as benchmarks.common.clocks counts it
        }
        return Spent(said["seconds"], since, said["mebibytes"])

    def versions(self) -> dict[str, str]:
        """Return the versions of the program's packages."""
        return self._ask({"do": "versions", "packages": self.program.packages})

    def _ask(self, asked: Mapping[str, object]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker was started without pipes")
        try:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise UserError(
                f"the process of {self.program.name} ended ({self._process.wait()}); delete the "
                f"environment of {self.program.python()} to have it made anew, or leave it out "
                "of --peers."
            )
        said: dict[str, Any] = json.loads(line)
        if "failed" in said:
            raise UserError(f"{self.program.name}: {said['failed']}")
        return said
