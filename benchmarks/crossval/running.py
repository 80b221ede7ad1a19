"""Many units, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.common.processes import Job, run_jobs
from benchmarks.crossval.data import Folder
from benchmarks.crossval.results import Settings, Unit, path_of, read_result
from benchmarks.crossval.summary import columns, summarise
from benchmarks.crossval.tables import number
from benchmarks.crossval.variations import VARIATIONS


def check_units(units: Sequence[Unit], folder: Folder) -> None:
    """Refuse folds that cannot be learnt, before any of them is run.

    Raises
    ------
    InvalidInput
        With what is wrong and what to do.
    """
    from benchmarks.crossval.unit import fold_of

    for unit in units:
        fold_of(folder, unit)


def run_all(
    units: Sequence[Unit],
    settings: Settings,
    output: Path,
    *,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> list[Unit]:
    """Run units, see :func:`benchmarks.common.processes.run_jobs`.

    Variations that share the weights of another unit are run after all others.

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
    late = [unit for unit in units if _shares_weights(unit)]
    failed: list[Unit] = []
    for batch in ([unit for unit in units if unit not in late], late):
        planned = [
            Job(
                name=f"{unit.dataset}, fold {unit.fold}, {unit.method}",
                group=unit.method,
                work=partial(_run, unit, settings, output),
                outcome=partial(_outcome, path_of(unit, output)),
            )
            for unit in batch
        ]
        failed += [batch[index] for index in run_jobs(planned, at_once=jobs, say=say)]
    return failed


def _shares_weights(unit: Unit) -> bool:
    variation = VARIATIONS.get(unit.method)
    return variation is not None and variation.trained_as != variation.name


def _run(unit: Unit, settings: Settings, output: Path) -> None:
    from benchmarks.crossval.unit import run_unit  # torch loads where the threads are set

    run_unit(unit, settings, output)


def _outcome(path: Path) -> str:
    result = read_result(path)
    values = summarise(result.images, result.scored)
    shown = [(name, values[name].value) for name in columns(result.scored)]
    return ", ".join(f"{name} {number(name, v)}" for name, v in shown if v is not None)
