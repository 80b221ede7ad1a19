"""Jobs of several programs in turns, and what comes of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.versus.program import Process, Spent

WINDOWS = (448, 704)  # inputs; ours are of 700 pixels


@dataclass(frozen=True)
class Settings:
    """How much is done.

    Attributes
    ----------
    clock
        ``wall`` or ``cpu``.
    rounds, threads
        Turns of each, and threads of each program.
    lesson, side
        Pixels of a side of what is trained on, and of what is predicted.
    steps
        Of a turn of training.
    windows
        Inputs that others predict in; the fastest of each counts.
    """

    clock: str = "wall"
    rounds: int = 5
    threads: int = 2
    lesson: int = 1024
    side: int = 2048
    steps: int = 5
    windows: tuple[int, ...] = WINDOWS


@dataclass(frozen=True)
class Row:
    """One comparison; ``ratio`` above 1: ours is faster, or takes less.

    Attributes
    ----------
    what, peer
        For people.
    ours, theirs
        Medians, in ``unit``.
    note
        What is to be known of it.
    """

    what: str
    peer: str
    ours: float
    theirs: float
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float:
        """Theirs over ours."""
        return self.theirs / self.ours


@dataclass(frozen=True)
class Job:
    """A job of a process, under a name of its own there."""

    process: Process
    name: str

    @classmethod
    def made(cls, process: Process, job: str, **arguments: object) -> Job:
        """Make it in its process."""
        name = f"{job} {sorted(arguments.items())}"
        process.make(name, job, **arguments)
        return cls(process, name)

    def run(self, keep: Path | None = None) -> Spent:
        """Run it."""
        return self.process.run(self.name, keep)


def in_turns(jobs: Sequence[Job], settings: Settings) -> list[float]:
    """Return each job's median seconds over the rounds; each has run once before."""
    taken: list[list[float]] = [[] for _ in jobs]
    for _ in range(settings.rounds):
        for job, seconds in zip(jobs, taken, strict=True):
            seconds.append(job.run().seconds[settings.clock])
    return [statistics.median(seconds) for seconds in taken]


def fastest(jobs: Mapping[int, Job], settings: Settings) -> int:
    """Return the key of the fastest of several jobs; each is run, and then timed, once."""
    for job in jobs.values():
        job.run()
    return min(jobs, key=lambda key: jobs[key].run().seconds[settings.clock])
