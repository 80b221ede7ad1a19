"""The report of a batch: a table for people and a CSV for programs."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from napari_unet.core.batch.run import ItemEnded, Status
from napari_unet.core.io.atomic import write_whole
from napari_unet.core.io.write_result import read_made_from
from napari_unet.core.objects.measure import write_csv
from napari_unet.core.objects.quantities import joined, said_of_fields
from napari_unet.core.segmentation.measure_fields import fields_path, read_fields

REPORT_NAME = "batch_report.csv"
FIELDS_NAME = "batch_fields.csv"
_COLUMNS = (
    *("item", "output", "status", "sentence", "seconds", "shape", "axes", "pixel_size"),
    *("image", "model", "options"),
)
STATUS_WORDS: dict[Status, str] = {
    "done": "done",
    "skipped": "there already",
    "failed": "failed",
    "stopped": "stopped",
}


class ReportFile:
    """A CSV that grows by a row an item, so that a killed run leaves what it had."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._writer = csv.writer(file)
        self._writer.writerow(_COLUMNS)

    def add(self, ended: ItemEnded) -> None:
        """Write a row; what the first result was made from stands in its file, if it is one."""
        item, known = ended.item, ended.made_from
        if known is None and ended.outputs:
            known = read_made_from(ended.outputs[0])
        self._writer.writerow(
            (
                item.name,
                ";".join(map(str, ended.outputs)),
                ended.status,
                ended.sentence,
                f"{ended.seconds:.2f}",
                "x".join(map(str, item.shape)),
                item.axes,
                item.pixel_size,
                *(("", "", "") if known is None else (known.image, known.model, known.options)),
            )
        )
        self._file.flush()


def write_report(path: Path, items: Iterable[ItemEnded]) -> None:
    """Write the CSV of a run that is over."""
    text = StringIO(newline="")
    report = ReportFile(text)
    for item in items:
        report.add(item)
    write_whole(path, text.getvalue().encode())


def fields_beside(report: Path) -> Path:
    """Return where the quantities of all fields go, beside a report."""
    if report.name == REPORT_NAME:
        return report.with_name(FIELDS_NAME)
    return report.with_name(f"{report.stem}_fields.csv")


def write_fields(report: Path, items: Sequence[ItemEnded]) -> None:
    """Write the quantities of all fields as CSV beside a report, if anything was measured.

    A row a plane or volume, of results that were there already too; first the name of the image.
    """
    rows: list[Mapping[str, Any]] = []
    for ended in items:
        known: Sequence[Mapping[str, Any]] = ended.fields
        if not known and ended.outputs:
            known = read_fields(fields_path(ended.outputs[0]))
        rows += [{"item": ended.item.name, **row} for row in known]
    if rows:
        write_csv(fields_beside(report), joined(rows))


def table(items: Sequence[ItemEnded]) -> str:
    """Return a line an item: its status, name, time, and what there is to say."""
    width = max((len(_name(item.item.name)) for item in items), default=0)
    lines = []
    for item in items:
        seconds = f"{item.seconds:7.1f} s" if item.seconds else " " * 9
        text = f"{STATUS_WORDS[item.status]:<14}{_name(item.item.name):<{width}} {seconds}"
        said = " ".join(filter(None, (said_of_fields(item.fields), item.sentence)))
        lines.append(f"{text}  {said}".rstrip())
    return "\n".join(lines)


def counts(items: Sequence[ItemEnded]) -> str:
    """Return one sentence with how many ended in which way."""
    found = Counter(item.status for item in items)
    parts = [f"{found[status]} {word}" for status, word in STATUS_WORDS.items() if found[status]]
    return f"{len(items)} image{'s' * (len(items) != 1)}: {', '.join(parts)}."


def _name(text: str) -> str:
    return text if len(text) <= 50 else f"...{text[-47:]}"
