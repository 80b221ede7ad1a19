"""Many jobs, each in a process of its own, several at a time, with the time that is left."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from napari_unet.errors import UserError

CORES = 2
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """Something to run apart.

    Attributes
    ----------
    name
        For people.
    group
        Jobs of one group take about as long as each other.
    work
        What to run; it can be pickled.
    outcome
        Asked here, after ``work`` has ended well: what came of it, in a few words.
    """

    name: str
    group: str
    work: Callable[[], object]
    outcome: Callable[[], str]


def run_jobs(
    jobs: Sequence[Job], *, at_once: int = 1, say: Callable[[str], None] = print
) -> list[int]:
    """Run jobs, some at a time, with the threads of two cores shared among them.

    A process for each, so that none inherits memory, threads or random numbers from another, and
    so that one that dies takes only its own result with it.

    Parameters
    ----------
    jobs
        In the order in which they are begun.
    at_once
        Processes at a time.
    say
        Told a line after each.

    Returns
    -------
    list of int
        The indices of those that failed.
    """
    threads = max(1, CORES // at_once)
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))  # inherited by each process
    took: dict[str, list[float]] = defaultdict(list)
    failed: list[int] = []
    left = list(range(len(jobs)))
    pool = ThreadPoolExecutor(at_once)
    try:
        waiting = {pool.submit(_run_apart, job, threads): i for i, job in enumerate(jobs)}
        for number, future in enumerate(as_completed(waiting), start=1):
            index, (good, seconds) = waiting[future], future.result()
            job = jobs[index]
            left.remove(index)
            took[job.group].append(seconds)
            if not good:
                failed.append(index)
            outcome = job.outcome() if good else "FAILED"
            remaining = _time_left([jobs[i].group for i in left], took, at_once)
            say(f"[{number}/{len(jobs)}] {job.name}: {outcome} ({seconds:.0f} s); {remaining} left")
    finally:
        pool.shutdown(cancel_futures=True)  # none is begun after Ctrl-C
    return failed


def _run_apart(job: Job, threads: int) -> tuple[bool, float]:
    """Run a job in a new process; return whether it succeeded, and its seconds."""
    start = time.monotonic()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(job.work, threads))
    process.start()
    process.join()
    return process.exitcode == 0, time.monotonic() - start


def _work(work: Callable[[], object], threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    try:
        work()
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


def _time_left(groups: Sequence[str], took: dict[str, list[float]], at_once: int) -> str:
    """Estimate from what each group took so far; one not seen yet takes the mean of all."""
    means = {group: sum(values) / len(values) for group, values in took.items()}
    usual = sum(means.values()) / len(means)
    minutes = sum(means.get(group, usual) for group in groups) / at_once / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
