"""Tables and figures of whatever results there are; each mean says of how many runs it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.strokes.figures import draw_curves, draw_pictures
from benchmarks.strokes.person import score_at
from benchmarks.strokes.results import DENSE, METHODS, Result
from benchmarks.strokes.rounds import as_csv, by_round, by_seconds
from napari_unet.core.io.atomic import write_whole

_LATE = 2  # from the third round on, with 12 strokes of two classes
_STROKES = 24
_MEAN = "**mean**"


@dataclass(frozen=True)
class Table:
    """Results by data set, method and seed."""

    results: Sequence[Result]

    @property
    def datasets(self) -> list[str]:
        """The data sets' names, sorted."""
        return sorted({result.unit.dataset for result in self.results})

    @property
    def methods(self) -> list[str]:
        """Methods that were run, in their usual order."""
        there = {result.unit.method for result in self.results}
        return [method for method in METHODS if method in there]

    @property
    def ordered(self) -> list[Result]:
        """All results, method by method."""
        return sorted(self.results, key=lambda result: METHODS.index(result.unit.method))

    def runs(self, dataset: str, method: str) -> list[Result]:
        """Return the results of all seeds."""
        return [
            result
            for result in self.results
            if (result.unit.dataset, result.unit.method) == (dataset, method)
        ]

    def pairs(self, dataset: str, one: str, other: str) -> list[tuple[Result, Result]]:
        """Return the results of two methods with the same seeds."""
        others = {result.unit.seed: result for result in self.runs(dataset, other)}
        return [
            (result, others[result.unit.seed])
            for result in self.runs(dataset, one)
            if result.unit.seed in others
        ]

    def differences(self, dataset: str, one: str, other: str) -> np.ndarray:
        """Return the mean over the seeds of one method's score minus the other's, by round."""
        curves = [(a.ious, b.ious) for a, b in self.pairs(dataset, one, other)]
        if not curves:
            return np.empty(0)
        rounds = min(len(ious) for pair in curves for ious in pair)
        return np.mean([np.subtract(a[:rounds], b[:rounds]) for a, b in curves], axis=0)

    def mean_curve(self, dataset: str, method: str) -> np.ndarray:
        """Return the mean over the seeds of a method's score, by round."""
        curves = [result.ious for result in self.runs(dataset, method)]
        rounds = min((len(ious) for ious in curves), default=0)
        return np.mean([ious[:rounds] for ious in curves], axis=0) if curves else np.empty(0)


def write_report(
    results: Sequence[Result], output: Path, say: Callable[[str], None] = print
) -> None:
    """Print the tables, write them to table.md and rounds.csv, and draw the figures.

    Parameters
    ----------
    results
        At least one.
    output
        Where they were read from; the figures are written there.
    say
        Told the tables, and where the figures are.
    """
    table = Table(results)
    text = "\n".join(
        [*_values(table), *by_round(table.ordered), *by_seconds(table.ordered), *_goals(table)]
    )
    write_whole(output / "table.md", (text + "\n").encode())
    write_whole(output / "rounds.csv", as_csv(table.ordered))
    say(text)
    for path in (draw_curves(results, output), *draw_pictures(results, output, say)):
        say(f"wrote {path}")


def _values(table: Table) -> list[str]:
    """Return a table of data sets and methods for each quantity."""
    quantities: dict[str, tuple[Callable[[Result], float | None], bool]] = {
        "Intersection over union, mean over the rounds": (lambda r: float(np.mean(r.ious)), False),
        "First prediction, before any training": (
            lambda r: r.first.iou if r.first else None,
            False,
        ),
        "Seconds to the first prediction": (lambda r: r.first.seconds if r.first else None, False),
        "Last round": (lambda r: r.ious[-1], True),
        "Worst drop from one round to the next, mean over the runs": (
            lambda r: r.worst_drop,
            False,
        ),
        "Wall seconds to predict a test image": (
            lambda r: float(np.mean([entry.predict_seconds for entry in r.rounds])),
            True,
        ),
    }
    lines = [
        "In brackets: the number of runs that a mean is of; compare only means of as many.",
    ]
    for title, (value, with_dense) in quantities.items():
        methods = [method for method in table.methods if with_dense or method != DENSE]
        lines += ["", title, "", f"| | {' | '.join(methods)} |", "|---" * (len(methods) + 1) + "|"]
        for name in [*table.datasets, _MEAN]:
            cells = [_cell(table, name, method, value) for method in methods]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cell(table: Table, dataset: str, method: str, value: Callable[[Result], float | None]) -> str:
    """Return a mean over the seeds, or the mean of the data sets' means."""
    chosen = table.datasets if dataset == _MEAN else [dataset]
    means, count = [], 0
    for name in chosen:
        values = [v for v in map(value, table.runs(name, method)) if v is not None]
        count += len(values)
        if values:
            means.append(float(np.mean(values)))
    return f"{np.mean(means):.3f} ({count})" if means else "-"


def _goals(table: Table) -> list[str]:
    """Return the table of goals and what was reached."""
    rows = [
        _at_every_round(table),
        _late(table),
        _first(table),
        _after_strokes(table),
        *_drops(table),
        _of_dense(table),
    ]
    return ["", "Goals", "", "| goal | reached |", "|---|---|", *rows]


def _at_every_round(table: Table) -> str:
    cells = []
    for dataset in table.datasets:
        difference = table.differences(dataset, "live", "forest")
        if len(difference):
            runs = len(table.pairs(dataset, "live", "forest"))
            cells.append(f"{dataset} {difference.min():+.3f} ({runs})")
    return _row("live - forest at the worst round of each data set, at least -0.01", cells)


def _late(table: Table) -> str:
    late = {d: table.differences(d, "live", "forest")[_LATE:] for d in table.datasets}
    cells = _by_dataset(
        {d: float(np.mean(values)) for d, values in late.items() if len(values)},
        {d: len(table.pairs(d, "live", "forest")) for d in late},
    )
    return _row(f"live - forest, mean from round {_LATE + 1} on, at least +0.18", cells)


def _first(table: Table) -> str:
    found: dict[str, list[float]] = {}
    for dataset in table.datasets:
        for one, other in table.pairs(dataset, "first", "forest"):
            if one.first and other.first:
                found.setdefault(dataset, []).append(one.first.iou - other.first.iou)
    cells = _by_dataset(
        {d: float(np.mean(values)) for d, values in found.items()},
        {d: len(values) for d, values in found.items()},
    )
    return _row("first answer - forest, first prediction, at least +0.10", cells)


def _after_strokes(table: Table) -> str:
    found = {}
    for dataset in table.datasets:
        runs = table.runs(dataset, "live")
        values = [
            score_at(_STROKES, [entry.strokes or 0 for entry in result.rounds], result.ious)
            for result in runs
        ]
        there = [value for value in values if value is not None]
        if there:
            found[dataset] = (float(np.mean(there)), len(there))
    cells = [f"{dataset} {value:.3f} ({runs})" for dataset, (value, runs) in found.items()]
    if found:
        cells.insert(0, f"mean **{np.mean([value for value, _ in found.values()]):.3f}**")
    return _row(f"live after {_STROKES} strokes, at least 0.66", cells)


def _drops(table: Table) -> list[str]:
    """Return a row a method: the drop of the data sets' mean curves, and that of single runs."""
    rows = []
    for method in table.methods:
        if method == DENSE:
            continue
        curves = {d: table.mean_curve(d, method) for d in table.datasets}
        falls = {d: float(-np.diff(c).min()) for d, c in curves.items() if len(c) > 1}
        if not falls:
            continue
        where = max(falls, key=lambda d: falls[d])
        runs = [result for d in curves for result in table.runs(d, method)]
        worst = max(runs, key=lambda result: result.worst_drop)
        cells = [
            f"{max(0.0, falls[where]):.3f} in the mean over the seeds ({where})",
            f"{worst.worst_drop:.3f} in a single run ({worst.unit.dataset}, "
            f"seed {worst.unit.seed}; of {len(runs)})",
        ]
        rows.append(_row(f"{method}: worst drop between rounds, at most 0.02", cells))
    return rows


def _of_dense(table: Table) -> str:
    shares = {}
    for dataset in table.datasets:
        pairs = table.pairs(dataset, "live", DENSE)
        if pairs:
            live, dense = (
                np.mean([result.ious[-1] for result in side]) for side in zip(*pairs, strict=True)
            )
            shares[dataset] = float(live / dense) if dense else float("nan")
    runs = {d: len(table.pairs(d, "live", DENSE)) for d in shares}
    cells = [f"{d} {share:.0%} ({runs[d]})" for d, share in shares.items()]
    if shares:
        cells.insert(0, f"mean **{np.mean(list(shares.values())):.0%}**")
    return _row("live, last round, as a share of the same net on all pixels, at least 85 %", cells)


def _by_dataset(values: dict[str, float], runs: dict[str, int]) -> list[str]:
    cells = [f"{d} {value:+.3f} ({runs[d]})" for d, value in values.items()]
    if values:
        cells.insert(0, f"mean **{np.mean(list(values.values())):+.3f}**")
    return cells


def _row(goal: str, cells: Iterable[str]) -> str:
    return f"| {goal} | {'; '.join(cells) or '-'} |"
