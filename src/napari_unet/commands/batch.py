"""``napari-unet batch``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tqdm import tqdm

from napari_unet.commands.info import dimensions_text
from napari_unet.core.batch.cluster.connect import connected
from napari_unet.core.batch.cluster.run import run_batch_on
from napari_unet.core.batch.plan import BatchOptions, BatchPlan, plan_batch
from napari_unet.core.batch.report import REPORT_NAME, ReportFile, counts, table
from napari_unet.core.batch.run import BatchEvent, ItemEnded, ItemNotice, ItemProgress
from napari_unet.core.io.folders import make_folder
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import UnwritableOutput, UserError

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def run_batch_command(
    model_path: Path,
    inputs: Sequence[str],
    output: Path,
    options: BatchOptions,
    *,
    device: DeviceName,
    scheduler: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Segment files and folders of images into a folder, with a report.

    Parameters
    ----------
    model_path, inputs, output
        Model file; files, folders and patterns; folder for results and report.
    options
        How to segment them.
    device
        Where to compute; each worker, if there is a scheduler.
    scheduler
        Address of a Dask scheduler whose workers segment; ``None`` for this process.
    stop
        Asked after each tile.

    Returns
    -------
    bool
        Whether every image was segmented, now or before.

    Raises
    ------
    UserError
        Nothing can be done at all: no model, no image, no place for results, no scheduler.
    """
    model = load_model(model_path)
    with ExitStack() as stack:
        client = None
        if scheduler is None:
            pick_device(device)  # one that is not there is told before anything is written
        else:
            client = stack.enter_context(connected(scheduler))
        run = partial(run_batch_on, client, model, device=device, stop=stop)
        return _planned_and_run(model, inputs, output, options, run)


def _planned_and_run(
    model: Model,
    inputs: Sequence[str],
    output: Path,
    options: BatchOptions,
    run: Callable[[BatchPlan], Iterator[BatchEvent]],
) -> bool:
    """Say what will be done, do it, and report; return whether all of it was done."""
    if model.header.network.ndim == 3:
        print(f"dimensions {dimensions_text(model.header)}")
    make_folder(output)
    plan = plan_batch(inputs, model, output, options)
    print(plan.summary)
    for item in plan.items:
        for sentence in item.sentences if item.action == "run" else ():
            print(f"{item.name}: {sentence}")
    path = output / REPORT_NAME
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            ended = _followed(run(plan), ReportFile(file))
    except UserError:
        raise
    except OSError as error:
        raise UnwritableOutput(
            f"the report {path} cannot be written ({error.strerror or error}); make room, or "
            "choose another folder."
        ) from None
    print(table(ended))
    print(counts(ended))
    print(f"report: {path}")
    return all(item.status in ("done", "skipped") for item in ended)


def _followed(events: Iterator[BatchEvent], report: ReportFile) -> list[ItemEnded]:
    """Show a run with a progress bar and write the report as it goes; return the plan's order."""
    ended: list[ItemEnded] = []
    with tqdm(total=100, desc="segmenting", unit="%", bar_format=_BAR) as bar:
        for event in events:
            match event:
                case ItemProgress(overall=overall):
                    bar.update(100 * overall - bar.n)
                case ItemNotice(text=text):
                    tqdm.write(text)
                case ItemEnded():
                    ended.append(event)
                    report.add(event)
                    if event.status == "failed" and event.item.action == "run":
                        tqdm.write(f"failed: {event.item.name}: {event.sentence}")
    return sorted(ended, key=lambda item: item.number)
