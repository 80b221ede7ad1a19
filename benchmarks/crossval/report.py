"""The report of whatever results there are: tables as Markdown and CSV, and the curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.crossval.pictures import draw_curves
from benchmarks.crossval.reference import REFERENCES
from benchmarks.crossval.results import METHODS, ImageScores, Result
from benchmarks.crossval.summary import SECONDS, Value, columns, iou_by_class, summarise
from benchmarks.crossval.tables import Table, number
from benchmarks.crossval.variations import ABLATIONS, UNET
from napari_unet.core.io.atomic import write_whole
from napari_unet.errors import InvalidInput

TITLES = {
    "unet": "U-Net",
    "patches": "patches, one pixel at a time (after Ciresan et al. 2012)",
    "fcn": "fully convolutional, no expanding path (after Long et al. 2014)",
    "forest": "random forest on multi-scale filters",
}
_NOT_REPORTED = "the paper does not report it"
_FAR = "not next to a training image"
_EVERY = "all"
_OTHER_TRAINING_IMAGES = {v.name for v in ABLATIONS if v.images is not None}


def write_report(
    results: Sequence[Result], output: Path, say: Callable[[str], None] = print
) -> None:
    """Print the tables, write them to table.md and table.csv, and draw the curves.

    Parameters
    ----------
    results
        At least one, all of one data set.
    output
        Where they were read from.
    say
        Told the tables, and where the files are.

    Raises
    ------
    InvalidInput
        Results of one method were made with different settings.
    """
    runs = by_method(results)
    first = results[0]
    lines = [
        f"# {first.unit.dataset}",
        "",
        *_how(first),
        "",
        *_tested(results),
        *_accuracy(runs).lines(),
        *_away(runs).lines(),
        *_by_fold(runs).lines(),
        *_trainings(runs).lines(),
        *_ablations(runs).lines(),
    ]
    text = "\n".join(lines) + "\n"
    write_whole(output / "table.md", text.encode())
    write_whole(output / "table.csv", _csv(runs).encode())
    say(text)
    drawn = draw_curves(results, output)
    pictures = sorted(output.glob("fold*.png"))
    for path in (output / "table.md", output / "table.csv", *([drawn] if drawn else []), *pictures):
        say(f"wrote {path}")


def by_method(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Group results by method, the methods in their usual order.

    Raises
    ------
    InvalidInput
        Results of one method were made with different settings.
    """
    order = [*METHODS, *(variation.name for variation in ABLATIONS)]
    runs = {name: [r for r in results if r.unit.method == name] for name in order}
    for name, group in runs.items():
        if len({result.settings.of(name) for result in group}) > 1:
            raise InvalidInput(
                f"results of {name} were made with different settings; delete the files of some "
                "folds, or write to another --output."
            )
    return {name: group for name, group in runs.items() if group}


def _how(first: Result) -> list[str]:
    lines = ["Compare rows only where they are of the same folds."]
    if first.scored == "membranes":
        thresholds = ", ".join(f"{t:g}" for t in first.thresholds)
        lines.append(
            "Scores of membranes are means over the test images, each at the threshold that is "
            f"best for it, one for all test images, chosen on them out of {thresholds}, as the "
            "challenge does; V_rand and V_info after thinning. IoU is of the most probable class. "
            "The warping error lets borders shift as far as they like, so that a map of nothing "
            "but membrane scores low too: read it beside the others."
        )
    elif first.scored == "objects":
        lines.append(
            "Objects are the 4-connected components of the pixels whose most probable class is "
            "object, however small; SEG is the mean over all true objects, IoU is of pixels, "
            "pooled."
        )
    else:
        lines.append("Pixels are pooled; each has its most probable class.")
    return lines


def _tested(results: Sequence[Result]) -> list[str]:
    """Return a line a fold, those next to a training image marked."""
    folds = {r.unit.fold: r for r in results if r.unit.method not in _OTHER_TRAINING_IMAGES}
    lines = []
    for fold, result in sorted(folds.items()):
        names = [f"{image.name}{'*' if image.near else ''}" for image in result.images]
        lines.append(
            f"- fold {fold} of {result.folds}: trained on {len(result.trained_on)}, tested on "
            f"{', '.join(names)}"
        )
    if any(line.endswith("*") or "*," in line for line in lines):
        lines += ["", r"\* next to a training image."]
    return lines


def _images(group: Sequence[Result], *, far: bool = False) -> list[ImageScores]:
    return [i for result in group for i in result.images if not (far and i.near)]


def _accuracy(runs: dict[str, list[Result]]) -> Table:
    """Return a row a method, then the paper's."""
    scored = next(iter(runs.values()))[0].scored
    names = columns(scored)
    title = "Accuracy, and the paper's" if REFERENCES[scored] else "Accuracy"
    table = Table(title, ["folds", *names, "protocol"])
    for method in (name for name in METHODS if name in runs):
        group = runs[method]
        values = summarise(_images(group), scored)
        cells = [table.cell(name, values[name]) for name in names]
        table.add(TITLES[method], [_folds(group), *cells, _protocol(group)])
    for reference in REFERENCES[scored]:
        no_folds = table.dash("the paper did not cross-validate")
        cells = [
            number(name, reference.scores[name])
            if name in reference.scores
            else table.dash(_NOT_REPORTED)
            for name in names
        ]
        table.add(reference.name, [no_folds, *cells, reference.protocol])
    return table


def _folds(group: Sequence[Result]) -> str:
    numbers = ", ".join(str(result.unit.fold) for result in group)
    return f"{numbers} of {group[0].folds}"


def _protocol(group: Sequence[Result]) -> str:
    first, settings = group[0], group[0].settings
    trained = sorted({len(result.trained_on) for result in group})
    tested = sum(len(result.images) for result in group)
    parts = [
        "cross-validated on images with public labels",
        f"trained on {' or '.join(map(str, trained))} images a fold, tested on {tested}",
    ]
    near = sum(image.near for image in _images(group))
    if near:
        parts.append(f"{near} of these are next to a training image")
    if first.unit.method == "forest":
        parts.append("as long as it takes, from at most 50,000 pixels")
    else:
        parts.append(f"{settings.minutes:g} min a fold by the {settings.clock} clock")
    if first.unit.method in ("unet", "fcn"):
        parts.append(f"preset {settings.preset}")
    devices = sorted({result.training.device for result in group})
    parts += [" / ".join(devices), f"seconds by the {settings.clock} clock: {first.timed}"]
    return "; ".join(parts)


def _away(runs: dict[str, list[Result]]) -> Table:
    """Return the scores of the test images that are not next to a training image."""
    scored = next(iter(runs.values()))[0].scored
    names = [name for name in columns(scored) if name != SECONDS]
    table = Table(f"Test images {_FAR} only", ["images", *names])
    if not any(image.near for group in runs.values() for image in _images(group)):
        return table
    for method in (name for name in METHODS if name in runs):
        images = _images(runs[method], far=True)
        values = summarise(images, scored)
        cells = [table.cell(name, values[name]) for name in names]
        table.add(TITLES[method], [str(len(images)), *cells])
    return table


def _by_fold(runs: dict[str, list[Result]]) -> Table:
    scored = next(iter(runs.values()))[0].scored
    names = columns(scored)
    how = ", each at its own best thresholds" if scored == "membranes" else ""
    table = Table(f"Fold by fold{how}", ["fold", *names])
    for method in (name for name in METHODS if name in runs):
        for result in runs[method]:
            values = summarise(result.images, scored)
            cells = [table.cell(name, values[name]) for name in names]
            table.add(TITLES[method], [str(result.unit.fold), *cells])
    return table


def _trainings(runs: dict[str, list[Result]]) -> Table:
    headings = ("fold", "steps", "seconds", "weights or nodes", "restarts", "computed on")
    table = Table("Trainings", headings)
    for method, group in runs.items():
        for result in group:
            made = result.training
            steps = f"{made.steps:,}" if made.steps else table.dash("a forest has no steps")
            cells = [str(result.unit.fold), steps, f"{made.seconds:.0f}", f"{made.parameters:,}"]
            table.add(method, [*cells, str(made.restarts), made.device])
    return table


def _ablations(runs: dict[str, list[Result]]) -> Table:
    """Return a row a variation, all on the folds that every one of them was run on."""
    scored = next(iter(runs.values()))[0].scored
    names = [name for name in columns(scored) if name != SECONDS]
    table = Table("Ablations of the U-Net", ["folds", "training images", *names])
    groups = {v.name: runs[v.name] for v in (UNET, *ABLATIONS) if v.name in runs}
    if not groups.keys() - {UNET.name}:
        return table
    common = set.intersection(*({r.unit.fold for r in group} for group in groups.values()))
    every = [result for group in runs.values() for result in group]
    images = max(len(result.trained_on) for result in every)
    for variation in (UNET, *ABLATIONS):
        group = [r for r in groups.get(variation.name, []) if r.unit.fold in common]
        if not group:
            given = any(result.settings.pretrained for result in every)
            why = variation.why_not(every[0].label_kind, images, given)
            dash = table.dash(why or "not run")
            table.add(variation.title, [dash] * (len(names) + 2))
            continue
        values = summarise(_images(group), scored)
        trained = sorted({len(result.trained_on) for result in group})
        cells = [table.cell(name, values[name]) for name in names]
        table.add(variation.title, [_folds(group), " or ".join(map(str, trained)), *cells])
    return table


def _csv(runs: dict[str, list[Result]]) -> str:
    """Return every value as a line of its own, with its threshold or why there is none."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("method", "fold", "images", "score", "value", "threshold", "reason"))
    for method, group in runs.items():
        folds: list[tuple[str, list[Result]]] = [(str(r.unit.fold), [r]) for r in group]
        for fold, chosen in [*folds, (_EVERY, group)]:
            for far in (False, True):
                images = _images(chosen, far=far)
                for name, value in _values(images, chosen[0]).items():
                    row = ("" if v is None else v for v in (value.value, value.threshold))
                    which = _FAR if far else _EVERY
                    writer.writerow((method, fold, which, name, *row, value.reason))
    return buffer.getvalue()


def _values(images: Sequence[ImageScores], result: Result) -> dict[str, Value]:
    values = summarise(images, result.scored)
    if images:
        reason = "neither truth nor prediction shows the class"
        for name, iou in zip(result.classes, iou_by_class(images), strict=True):
            values[f"IoU of {name}"] = Value(iou, reason="" if iou is not None else reason)
    return values
