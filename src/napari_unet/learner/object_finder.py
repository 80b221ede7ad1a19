"""Objects are found and measured in a process of their own, as much of it holds up other threads.

The process is :mod:`learner.child.find_objects`. Probabilities and ids stay here; it is given
the parts that it asks for, so that images of any size go.
"""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.core.objects.components import Readable, Writable
from napari_unet.core.objects.label_instances import DEFAULTS
from napari_unet.core.objects.measure import Table
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.errors import DeviceUnavailable, InvalidInput, Stopped, UserError
from napari_unet.learner import frames
from napari_unet.learner.spawn import close_streams, last_words, replies_of, requests_of, spawn

COMMAND = (sys.executable, "-m", "napari_unet.learner.child.find_objects")


@dataclass(frozen=True)
class Task:
    """Find the objects of probabilities of that shape; see ``label_instances``."""

    shape: tuple[int, ...]
    background: int | None
    settings: InstanceSettings
    spacing: tuple[float, ...] | None
    chunk: int | None


@dataclass(frozen=True)
class Read:
    """Send a part of the probabilities, or of the ids."""

    of_ids: bool
    index: Any


@dataclass(frozen=True)
class Write:
    """Write a part of the ids."""

    index: Any
    ids: np.ndarray


@dataclass(frozen=True)
class Measure:
    """Measure objects; see :func:`napari_unet.core.objects.measure.measure`."""

    labels: np.ndarray
    image: np.ndarray | None
    pixel_size: tuple[float, ...] | None
    unit: str | None
    classes: np.ndarray | None


@dataclass(frozen=True)
class Describe:
    """Say what an encoder sees of each cell; see :func:`objects.cell_features.cell_features`."""

    ids: np.ndarray
    plane: np.ndarray


@dataclass(frozen=True)
class Done:
    """What was asked for; of objects, all is written. Or ``problem`` says why there is none.

    ``found`` is a table of measurements, or what an encoder sees of each cell, (N, F).
    """

    found: Table | np.ndarray | None = None
    problem: str = ""


class ObjectFinder:
    """Does what :func:`objects.label_instances.label_instances` does, in another process.

    And what :func:`napari_unet.core.objects.measure.measure` and
    :func:`napari_unet.core.objects.cell_features.cell_features` do. The process starts with the
    first call and goes on until :meth:`close`.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())

    def __call__(
        self,
        probabilities: Readable,
        background: int | None = 0,
        settings: InstanceSettings = DEFAULTS,
        *,
        spacing: Sequence[float] | None = None,
        chunk: int | None = None,
        out: Writable,
    ) -> Writable:
        """Find objects, see :func:`napari_unet.core.objects.label_instances.label_instances`.

        ``Stopped`` if somebody called :meth:`stop`; ``InvalidInput`` if the probabilities or the
        settings make no sense; ``DeviceUnavailable`` if the process ended, or cannot start.
        """
        shape = tuple(probabilities.shape)
        sizes = None if spacing is None else tuple(spacing)
        self._ask(Task(shape, background, settings, sizes, chunk), probabilities, out)
        return out

    def measure(
        self,
        labels: np.ndarray,
        image: np.ndarray | None = None,
        *,
        pixel_size: Sequence[float] | None = None,
        unit: str | None = None,
        classes: np.ndarray | None = None,
    ) -> Table:
        """Measure objects, see :func:`napari_unet.core.objects.measure.measure`."""
        size = None if pixel_size is None else tuple(pixel_size)
        return self._ask(Measure(labels, image, size, unit, classes))

    def describe(self, ids: np.ndarray, plane: np.ndarray) -> np.ndarray:
        """Describe cells, see :func:`napari_unet.core.objects.cell_features.cell_features`."""
        return self._ask(Describe(ids, plane))

    def stop(self) -> None:
        """End the process, and with it a call that waits; any thread may call it."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process; nothing may be asked for any more."""
        self.stop()
        if self._process is not None:
            self._process.wait()
            close_streams(self._process)
        self._log.close()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise Stopped
            if self._process is None or self._process.poll() is not None:
                self._process = spawn(self._command, self._log)
            return self._process

    def _ask(self, task: Any, probabilities: Any = None, out: Any = None) -> Any:
        """Have something done, giving the parts that are asked for; say why if the process ends."""
        try:
            process = self._running()
            frames.send(requests_of(process), task)
            while True:
                match frames.receive(replies_of(process)):
                    case Read(of_ids=of_ids, index=index):
                        part = np.ascontiguousarray((out if of_ids else probabilities)[index])
                        frames.send(requests_of(process), part)
                    case Write(index=index, ids=ids):
                        out[index] = ids
                    case Done(found=found, problem=""):
                        return found
                    case Done(problem=problem):
                        raise InvalidInput(problem)
        except (EOFError, OSError) as error:
            if self._stopped:
                raise Stopped from None
            if isinstance(error, UserError):
                raise
            raise DeviceUnavailable(
                f"the process that finds objects ended unexpectedly: {self._why(error)}"
            ) from None

    def _why(self, error: Exception) -> str:
        if self._process is None:
            return f"{error}."
        return last_words(self._log, self._process.wait())
