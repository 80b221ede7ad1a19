"""A learner, and what it says as it comes."""

from __future__ import annotations

import queue
import shlex
import time
from collections.abc import Sequence

from napari_unet.learner import Learner
from napari_unet.learner.computer import Computer
from napari_unet.learner.messages import Reply

PATIENCE = 60  # seconds, for a computer that is busy with other things


class Here(Computer):
    """This computer, with another process than the usual one."""

    is_here = True


class Talk:
    """A learner, and its replies as they come."""

    def __init__(self, computer: Computer | Sequence[str]) -> None:
        """Talk to a learner of a computer, or of the words of a command of this one."""
        known = isinstance(computer, Computer)
        self.learner = Learner(computer if known else Here(command=shlex.join(computer)))
        self.replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        self.learner.listen(self.replies.put)

    def until(self, job: int, *kinds: type) -> list:
        """Return what is said about a job, up to the first content of one of these kinds."""
        said = []
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                reply = self.replies.get(timeout=0.5)
            except queue.Empty:
                continue
            assert reply is not None, "the learner was closed"
            if reply.job == job:
                said.append(reply.content)
                if isinstance(reply.content, kinds):
                    return said
        raise AssertionError(f"none of {kinds} came, but {said}")

    def rest(self, seconds: float = 0.5) -> list[Reply]:
        """Return what else is said within some time."""
        said = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                reply = self.replies.get(timeout=0.1)
            except queue.Empty:
                continue
            if reply is None:
                break
            said.append(reply)
        return said

    def close(self) -> None:
        self.learner.close()
        self.replies.put(None)
