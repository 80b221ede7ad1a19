"""A line with a delay between a window and a learner: ``relay.py MS COUNTS COMMAND...``.

It starts the command and passes on what it hears and says, each way half of a round trip of so many
milliseconds later. The bytes of both ways so far are in the file COUNTS, as two numbers.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

_CHUNK = 2**16


class Way:
    """One direction.

    Parameters
    ----------
    source, sink
        File descriptors.
    delay
        In seconds.
    """

    def __init__(self, source: int, sink: int, delay: float) -> None:
        self.bytes = 0
        self._source, self._sink, self._delay = source, sink, delay
        self._chunks: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.writing = threading.Thread(target=self._write, daemon=True)
        self.writing.start()

    def _read(self) -> None:
        chunk = b" "
        while chunk:
            chunk = os.read(self._source, _CHUNK)
            self.bytes += len(chunk)
            self._chunks.put((time.monotonic() + self._delay, chunk))

    def _write(self) -> None:
        while True:
            due, chunk = self._chunks.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not chunk:
                os.close(self._sink)
                return
            while chunk:
                chunk = chunk[os.write(self._sink, chunk) :]


def main() -> None:
    """Pass on until the command ends."""
    delay, counts = float(sys.argv[1]) / 2e3, Path(sys.argv[2])
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    there = Way(0, child.stdin.fileno(), delay)
    back = Way(child.stdout.fileno(), 1, delay)
    while back.writing.is_alive():
        back.writing.join(0.05)
        counts.write_text(f"{there.bytes} {back.bytes}")
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
