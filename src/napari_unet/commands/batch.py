"""``napari-unet batch``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from napari_unet.commands.info import dimensions_text
from napari_unet.commands.interrupt import stop_by_interrupt
from napari_unet.commands.predict import percent_bar
from napari_unet.core.batch.cluster.connect import connected
from napari_unet.core.batch.cluster.run import run_batch_on
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import BatchPlan, plan_batch
from napari_unet.core.batch.report import REPORT_NAME, ReportFile, counts, table, write_fields
from napari_unet.core.batch.run import BatchEvent, ItemEnded, ItemNotice, ItemProgress
from napari_unet.core.images.intensity import Way
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.result import Saved
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import UnwritableOutput, UserError


def run(
    model: Path,
    inputs: Sequence[str],
    output: Path,
    *,
    save: Sequence[Saved],
    device: DeviceName,
    intensities: Way | None,
    min_size: int,
    scheduler: str | None,
    **options: Any,
) -> int:
    """Segment files and folders of images into a folder, with a report.

    ``options`` are the other fields of :class:`napari_unet.core.batch.options.BatchOptions`. 0 if
    every image was segmented, now or before, else 1; ``UserError`` if nothing can be done at all.
    """
    used = load_model(model).scaled(intensities)
    objects = InstanceSettings(smallest=min_size)
    chosen = BatchOptions(save=tuple(dict.fromkeys(save)), objects=objects, **options)
    with ExitStack() as stack:
        client = None
        if scheduler is None:
            pick_device(device)  # one that is not there is told before anything is written
        else:
            client = stack.enter_context(connected(scheduler))
        stop = stack.enter_context(stop_by_interrupt())
        engine = partial(run_batch_on, client, used, device=device, stop=stop)
        return 0 if _planned_and_run(used, inputs, output, chosen, engine) else 1


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
    if options.measure:
        write_fields(path, ended)
    print(table(ended))
    print(counts(ended))
    print(f"report: {path}")
    return all(item.status in ("done", "skipped") for item in ended)


def _followed(events: Iterator[BatchEvent], report: ReportFile) -> list[ItemEnded]:
    """Show a run with a progress bar and write the report as it goes; return the plan's order."""
    ended: list[ItemEnded] = []
    with percent_bar() as bar:
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
