"""Many units of the simulated annotator, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.common.processes import Job, run_jobs
from benchmarks.strokes.results import Result, Settings, Unit, path_of


def run_all(
    units: Sequence[Unit],
    settings: Settings,
    output: Path,
    *,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> list[Unit]:
    """Run units, see :func:`benchmarks.common.processes.run_jobs`.

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
    planned = [
        Job(
            name=f"{unit.dataset}, seed {unit.seed}, {unit.method}",
            group=unit.method,
            work=partial(_run, unit, settings, output),
            outcome=partial(_outcome, path_of(unit, output)),
        )
        for unit in units
    ]
    return [units[index] for index in run_jobs(planned, at_once=jobs, say=say)]


def _run(unit: Unit, settings: Settings, output: Path) -> None:
    from benchmarks.strokes.simulation import run_unit  # torch loads where the threads are set

    run_unit(unit, settings, output)


def _outcome(path: Path) -> str:
    ious = Result.from_bytes(path.read_bytes()).ious
    return f"IoU {ious[0]:.2f} to {ious[-1]:.2f}, mean {sum(ious) / len(ious):.2f}"
