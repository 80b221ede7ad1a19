"""Many units, each in a process of its own, several at a time, with the time that is left."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchmarks.strokes.results import Result, Settings, Unit, path_of

CORES = 2
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_all(
    units: Sequence[Unit],
    settings: Settings,
    output: Path,
    *,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> list[Unit]:
    """Run units, ``jobs`` at a time, with the threads of two cores shared among them.

    A process for each, so that none inherits memory, threads or random numbers from another, and
    so that one that dies takes only its own result with it.

    Parameters
    ----------
    units
        In the order in which they are begun.
    settings
        Of all of them.
    output
        An existing folder.
    jobs
        Processes at a time.
    say
        Told a line after each.

    Returns
    -------
    list of Unit
        Those that failed.
    """
    threads = max(1, CORES // jobs)
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))  # inherited by each process
    took: dict[str, list[float]] = defaultdict(list)
    failed: list[Unit] = []
    left = list(units)
    pool = ThreadPoolExecutor(jobs)
    try:
        waiting = {pool.submit(_run_apart, u, settings, output, threads): u for u in units}
        for number, future in enumerate(as_completed(waiting), start=1):
            unit, (good, seconds) = waiting[future], future.result()
            left.remove(unit)
            took[unit.method].append(seconds)
            if not good:
                failed.append(unit)
            outcome = _outcome(path_of(unit, output)) if good else "FAILED"
            say(
                f"[{number}/{len(units)}] {unit.dataset}, seed {unit.seed}, {unit.method}: "
                f"{outcome} ({seconds:.0f} s); {_time_left(left, took, jobs)} left"
            )
    finally:
        pool.shutdown(cancel_futures=True)  # none is begun after Ctrl-C
    return failed


def _run_apart(unit: Unit, settings: Settings, output: Path, threads: int) -> tuple[bool, float]:
    """Run a unit in a new process; return whether it succeeded, and its seconds."""
    start = time.monotonic()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(unit, settings, output, threads))
    process.start()
    process.join()
    return process.exitcode == 0, time.monotonic() - start


def _work(unit: Unit, settings: Settings, output: Path, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    from benchmarks.strokes.simulation import run_unit

    try:
        run_unit(unit, settings, output)
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


def _outcome(path: Path) -> str:
    ious = Result.from_bytes(path.read_bytes()).ious
    return f"IoU {ious[0]:.2f} to {ious[-1]:.2f}, mean {sum(ious) / len(ious):.2f}"


def _time_left(left: Sequence[Unit], took: dict[str, list[float]], jobs: int) -> str:
    """Estimate from what each method took so far; one not seen yet takes the mean of all."""
    means = {method: sum(values) / len(values) for method, values in took.items()}
    usual = sum(means.values()) / len(means)
    minutes = sum(means.get(unit.method, usual) for unit in left) / jobs / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
