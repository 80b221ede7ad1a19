"""Large parts of messages that a learner has already, so that only their digest is sent.

Planes and models cross the line once: the learner keeps those that it was sent on a shelf, and
the models that it sent itself, since they come back for the next prediction. Which are kept is
decided by the window alone. Both ends count how often a part crossed the line, and it goes when it
was to be forgotten as often: so what the window asks for by its digest is always there, also where
the same model is just on its way back.
"""

import threading
from collections import OrderedDict

LARGE = 2**14  # bytes from which a part is worth a digest
DIGEST = 16  # bytes of a digest (BLAKE2b)
MOST = 2**28  # bytes that a learner keeps


class Shelf:
    """One end's knowledge of the learner's shelf; what an end has no part in does nothing."""

    def knows(self, digest: bytes) -> bool:
        """Return whether the other end can be sent the digest alone."""
        return False

    def keep(self, digest: bytes, data: memoryview | bytearray) -> bytes | bytearray:
        """Note a part that crosses the line; returns one that was received."""
        raise NotImplementedError

    def recall(self, digest: bytes) -> bytes:
        """Return a part that is on the shelf."""
        raise LookupError("a learner sent a part by its digest")

    def to_forget(self) -> bytes:
        """Return the digests that the other end shall forget, one after the other."""
        return b""

    def forget(self, digests: bytes) -> None:
        """Take parts off the shelf."""


class LearnersShelf(Shelf):
    """The shelf itself. One thread reads from the line and another writes to it."""

    def __init__(self) -> None:
        self._parts: dict[bytes, tuple[bytes, int]] = {}
        self._lock = threading.Lock()

    def keep(self, digest: bytes, data: memoryview | bytearray) -> bytes:
        """Put a part on the shelf."""
        whole = data.obj if isinstance(data, memoryview) else data
        part = whole if isinstance(whole, bytes) else bytes(data)
        with self._lock:
            part, times = self._parts.get(digest, (part, 0))
            self._parts[digest] = part, times + 1
        return part

    def recall(self, digest: bytes) -> bytes:
        """Return a part."""
        with self._lock:
            return self._parts[digest][0]

    def forget(self, digests: bytes) -> None:
        """Take parts off the shelf."""
        for start in range(0, len(digests), DIGEST):
            digest = digests[start : start + DIGEST]
            with self._lock:
                part, times = self._parts.pop(digest)
                if times > 1:
                    self._parts[digest] = part, times - 1


class WindowsLedger(Shelf):
    """What is on the shelf of the learner, the part that was used last at the end."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._sizes: OrderedDict[bytes, tuple[int, int]] = OrderedDict()  # bytes and times
        self._forgotten: list[bytes] = []
        self._lock = threading.Lock()

    @property
    def is_behind(self) -> bool:
        """Whether the learner keeps more than it should and has to be told."""
        return bool(self._forgotten)

    def knows(self, digest: bytes) -> bool:
        """Return whether the learner has a part."""
        with self._lock:
            if digest not in self._sizes:
                return False
            self._sizes.move_to_end(digest)
            return True

    def keep(self, digest: bytes, data: memoryview | bytearray) -> bytearray:
        """Note that the learner has a part, and drop those that were not used for longest."""
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        with self._lock:
            self._sizes[digest] = size, self._sizes.pop(digest, (size, 0))[1] + 1
            while sum(size for size, _ in self._sizes.values()) > self._most:
                digest, (_, times) = self._sizes.popitem(last=False)
                self._forgotten += [digest] * times
        return data if isinstance(data, bytearray) else bytearray()

    def to_forget(self) -> bytes:
        """Return what the learner shall forget, once."""
        with self._lock:
            digests, self._forgotten = b"".join(self._forgotten), []
        return digests
