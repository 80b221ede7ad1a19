"""The process that finds and measures objects for :mod:`napari_unet.learner.object_finder`."""

from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from napari_unet.core.objects.cell_features import cell_features
from napari_unet.core.objects.label_instances import label_instances
from napari_unet.core.objects.measure import measure
from napari_unet.errors import UserError
from napari_unet.learner import frames
from napari_unet.learner.object_finder import (
    Describe,
    Done,
    Measure,
    Read,
    Task,
    Write,
)
from napari_unet.learner.spawn import own_streams


class _There:
    """An array of the one who asked, of which parts are read and written."""

    def __init__(
        self, shape: tuple[int, ...], requests: BinaryIO, replies: BinaryIO, *, of_ids: bool
    ) -> None:
        self.shape = shape
        self._requests, self._replies, self._of_ids = requests, replies, of_ids

    def __getitem__(self, index: Any) -> np.ndarray:
        frames.send(self._replies, Read(self._of_ids, index))
        return frames.receive(self._requests)

    def __setitem__(self, index: Any, ids: np.ndarray) -> None:
        frames.send(self._replies, Write(index, np.ascontiguousarray(ids)))


def _measured(task: Measure) -> Done:
    table = measure(
        task.labels, task.image, pixel_size=task.pixel_size, unit=task.unit, classes=task.classes
    )
    return Done(table)


def _find(task: Task, requests: BinaryIO, replies: BinaryIO) -> Done:
    probabilities: Any = _There(task.shape, requests, replies, of_ids=False)
    ids = _There(task.shape[1:], requests, replies, of_ids=True)
    whole = task.chunk is None
    found = label_instances(
        probabilities[...] if whole else probabilities,
        task.background,
        task.settings,
        spacing=task.spacing,
        chunk=task.chunk,
        out=None if whole else ids,
    )
    if whole:
        ids[...] = np.asarray(found)
    return Done()


def main() -> None:
    """Serve the parent process over standard input and output until it closes them."""
    requests, replies = own_streams()
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = frames.receive(requests)
            try:
                if isinstance(task, Measure):
                    answer = _measured(task)
                elif isinstance(task, Describe):
                    answer = Done(cell_features(task.ids, task.plane))
                else:
                    answer = _find(task, requests, replies)
            except UserError as error:
                answer = Done(problem=str(error))
            frames.send(replies, answer)


if __name__ == "__main__":
    main()
