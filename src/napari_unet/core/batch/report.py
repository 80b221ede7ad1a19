"""The report of a batch: a table for people and a CSV for programs."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TextIO

from napari_unet.core.batch.run import ItemEnded, Status
from napari_unet.core.io.atomic import write_whole
from napari_unet.core.io.write_result import read_made_from

REPORT_NAME = "batch_report.csv"
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


def table(items: Sequence[ItemEnded]) -> str:
    """Return a line an item: its status, name, time, and what there is to say."""
    width = max((len(_name(item.item.name)) for item in items), default=0)
    lines = []
    for item in items:
        seconds = f"{item.seconds:7.1f} s" if item.seconds else " " * 9
        text = f"{STATUS_WORDS[item.status]:<14}{_name(item.item.name):<{width}} {seconds}"
        lines.append(f"{text}  {item.sentence}".rstrip())
    return "\n".join(lines)


def counts(items: Sequence[ItemEnded]) -> str:
    """Return one sentence with how many ended in which way."""
    found = Counter(item.status for item in items)
    parts = [f"{found[status]} {word}" for status, word in STATUS_WORDS.items() if found[status]]
    return f"{len(items)} image{'s' * (len(items) != 1)}: {', '.join(parts)}."


def _name(text: str) -> str:
    return text if len(text) <= 50 else f"...{text[-47:]}"
