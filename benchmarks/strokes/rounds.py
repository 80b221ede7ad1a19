"""Scores by round and by a person's seconds: two tables, and every round as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.strokes.person import score_at
from benchmarks.strokes.results import DENSE, Result

SECONDS = (2.5, 5.0, 7.5, 10.0, 12.5)  # of a person; all six rounds are about 15
_COLUMNS = (
    "dataset",
    "seed",
    "method",
    "round",
    "strokes",
    "person_seconds",
    "trained_seconds",
    "iou",
)


def by_round(results: Sequence[Result]) -> list[str]:
    """Return a table: a row a method, the first prediction and then a column a round."""
    rounds = max((len(result.rounds) for result in results if _learns(result)), default=0)
    columns: dict[str, Callable[[Result], float | None]] = {
        "first prediction": lambda result: result.first.iou if result.first else None
    }
    for number in range(rounds):
        columns[f"round {number + 1}"] = lambda result, at=number: dict(enumerate(result.ious)).get(
            at
        )
    return _table("Intersection over union by round", columns, results)


def by_seconds(results: Sequence[Result]) -> list[str]:
    """Return a table: a row a method, a column a number of a person's seconds."""
    columns: dict[str, Callable[[Result], float | None]] = {
        f"{seconds:g} s": lambda result, at=seconds: score_at(at, _spent(result), result.ious)
        for seconds in SECONDS
    }
    title = "Intersection over union after a person's seconds, by the newest answer"
    return _table(title, columns, results)


def as_csv(results: Sequence[Result]) -> bytes:
    """Return a line a round of each result."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for result in results:
        unit = result.unit
        for entry in result.rounds:
            row = (entry.round + 1, entry.strokes, entry.person_seconds, entry.trained_seconds)
            writer.writerow([unit.dataset, unit.seed, unit.method, *row, entry.iou])
    return buffer.getvalue().encode()


def _table(
    title: str,
    columns: dict[str, Callable[[Result], float | None]],
    results: Sequence[Result],
) -> list[str]:
    """Return the mean over the runs of each method, and of how many runs it is."""
    lines = ["", title, "", f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    runs = [result for result in results if _learns(result)]
    for method in dict.fromkeys(result.unit.method for result in runs):
        cells = []
        for value in columns.values():
            values = [value(result) for result in runs if result.unit.method == method]
            there = [v for v in values if v is not None]
            cells.append(f"{np.mean(there):.3f} ({len(there)})" if there else "-")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def _learns(result: Result) -> bool:
    """Tell whether somebody painted round by round."""
    return result.unit.method != DENSE


def _spent(result: Result) -> list[float]:
    return [entry.person_seconds or 0.0 for entry in result.rounds]
