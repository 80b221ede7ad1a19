"""The process that finds objects for :mod:`napari_unet.learner.objects`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from napari_unet.core.instances import label_instances
from napari_unet.errors import UserError
from napari_unet.learner import pipe
from napari_unet.learner.objects import Done, Read, Task, Write
from napari_unet.learner.spawn import own_streams


class _There:
    """An array of the one who asked, of which parts are read and written."""

    def __init__(
        self, shape: tuple[int, ...], requests: BinaryIO, replies: BinaryIO, *, of_ids: bool
    ) -> None:
        self.shape = shape
        self._requests, self._replies, self._of_ids = requests, replies, of_ids

    def __getitem__(self, index: Any) -> np.ndarray:
        pipe.send(self._replies, Read(self._of_ids, index))
        return pipe.receive(self._requests)

    def __setitem__(self, index: Any, ids: np.ndarray) -> None:
        pipe.send(self._replies, Write(index, np.ascontiguousarray(ids)))


def _do(task: Task, requests: BinaryIO, replies: BinaryIO) -> None:
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


def main() -> None:
    """Serve the parent process over standard input and output until it closes them."""
    requests, replies = own_streams()
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = pipe.receive(requests)
            try:
                _do(task, requests, replies)
            except UserError as error:
                pipe.send(replies, Done(str(error)))
            else:
                pipe.send(replies, Done())


if __name__ == "__main__":
    main()
