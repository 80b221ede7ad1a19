"""Markdown tables in which a missing value is a dash with its reason under the table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.crossval.summary import SECONDS, Value

_SMALL = ("warping error",)


class Table:
    """A table that is written row by row.

    Parameters
    ----------
    title
        Above it.
    columns
        Headings after that of the rows' names.
    """

    def __init__(self, title: str, columns: Sequence[str]) -> None:
        self._title, self._columns = title, list(columns)
        self._rows: list[list[str]] = []
        self._reasons: list[str] = []

    def add(self, name: str, cells: Sequence[str]) -> None:
        """Add a row; one cell a column."""
        self._rows.append([name, *cells])

    def dash(self, reason: str) -> str:
        """Return a cell without a value, whose reason stands under the table."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        return f"- [{self._reasons.index(reason) + 1}]"

    def cell(self, name: str, value: Value) -> str:
        """Return the cell of a score."""
        if value.value is None:
            return self.dash(value.reason)
        at = "" if value.threshold is None else f" at {value.threshold:g}"
        return number(name, value.value) + at

    def lines(self) -> list[str]:
        """Return the table, nothing if it has no rows."""
        if not self._rows:
            return []
        return [
            "",
            f"## {self._title}",
            "",
            f"| | {' | '.join(self._columns)} |",
            "|---" * (len(self._columns) + 1) + "|",
            *(f"| {' | '.join(row)} |" for row in self._rows),
            *([""] if self._reasons else []),
            *(f"[{n}] {reason}." for n, reason in enumerate(self._reasons, start=1)),
        ]


def number(name: str, value: float) -> str:
    """Return a score with as many digits as it is usually given with."""
    if name in _SMALL:
        return f"{value:.6f}"
    if name == SECONDS:
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{value:.4f}"
