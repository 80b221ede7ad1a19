"""Jobs of one program, behind a pipe: ``python -m benchmarks.versus.worker MODULE``.

Run by the Python of the program's environment. ``MODULE.JOBS`` has jobs by name; one is made from
arguments and then called as often as it is asked for, each time after its ``prepare`` if it has
one. Each line on stdin is a JSON object, and each
gets one back on stdout; the seconds in it are of the call alone, by all clocks.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.clocks import CLOCKS


def main() -> None:
    """Answer until stdin ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # others print
    made: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            reply = _answer(json.loads(line), made)
        except Exception as error:
            traceback.print_exc()
            reply = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


def _answer(asked: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    if asked["do"] == "make":
        jobs = import_module(sys.argv[1]).JOBS
        made[asked["name"]] = jobs[asked["job"]](**asked["arguments"])
        return {}
    if asked["do"] == "versions":
        return {name: version(name) for name in asked["packages"]}
    job = made[asked["name"]]
    if hasattr(job, "prepare"):
        job.prepare()
    starts = {name: clock() for name, clock in CLOCKS.items()}
    value = job()
    seconds = {name: clock() - starts[name] for name, clock in CLOCKS.items()}
    if asked["keep"]:
        np.save(asked["keep"], value)
    return {
        "seconds": seconds,
        "processor_seconds": time.process_time(),
        "mebibytes": _peak() / 2**20,
    }


def _peak() -> int:
    """Return the most bytes that this process has held."""
    status = Path("/proc/self/status")
    if (
        status.exists()
    ):  # what is told elsewhere begins with what the process held that started this
        (line,) = [one for one in status.read_text().splitlines() if one.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
