"""How soon Stop answers, in the middle of work of every kind."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from napari.components import ViewerModel
from scipy import ndimage

from benchmarks.attacks.watch import settled
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_batch
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner import Learner
from napari_unet.learner.messages import Reply
from napari_unet.session.session import Session
from napari_unet.session.state import PaintedPlanes, State
from napari_unet.widgets.batch.run import BatchRun

PATIENCE = 120.0
PROGRAM = "import sys; from napari_unet.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Stop:
    """What was stopped, and how many seconds it took."""

    what: str
    seconds: float


def session_stops(side: int, depth: int, times: int) -> Iterator[Stop]:
    """Stop a session's trainings, predictions and Live, each so many times, at odd moments.

    Parameters
    ----------
    side, depth
        Of the plane, and of the volume, whose rows and columns are an eighth of the plane's.
    times
        How often each.
    """
    plane, strokes = _spots((side, side))
    volume, marks = _spots((depth, side // 8, side // 8))
    with _running() as (session, wait):
        idle = lambda: session.state is State.IDLE  # noqa: E731
        for name, image, labels, dimensions in (
            (f"training, {side} x {side}", plane, strokes, 2),
            (f"training, {' x '.join(map(str, volume.shape))}", volume, marks, 3),
        ):
            painted = PaintedPlanes(("a",), (image[None],), (labels,))
            settings = TrainSettings(seconds=3600, dimensions=dimensions)
            for number in range(times):
                session.forget_model()
                session.train(lambda painted=painted: painted, settings)
                wait(lambda: bool(session.curve.losses))
                _linger(wait, number)
                yield from _timed(name, session.stop_training, idle, wait)
            model = session.model or _random_model(dimensions).to_bytes()
            for number in range(times):
                job = session.predictions.start(lambda image=image: (image[None],), model)
                _linger(wait, number)
                stop = lambda job=job: session.predictions.stop(job)  # noqa: E731
                yield from _timed(
                    name.replace("training", "prediction"),
                    stop,
                    lambda: not session.predictions.running,
                    wait,
                )
        tiles: list[object] = []
        session.live.tile_predicted.connect(tiles.append)
        for number in range(times):
            tiles.clear()
            session.start_live()
            session.live.paint("a", lambda: plane[None], lambda: strokes)
            session.live.look_at("a", lambda: plane[None], (0, side, 0, side))
            wait(lambda: bool(tiles))
            _linger(wait, number)
            yield from _timed(
                f"Live, {side} x {side}",
                session.stop_live,
                lambda: session.state is State.IDLE,
                wait,
            )


def batch_stops(folder: Path, side: int, times: int) -> Iterator[Stop]:
    """Stop a batch as the window runs it: with labels, and with objects that are measured."""
    image = folder / "image.tif"
    tifffile.imwrite(image, _spots((side, side))[0])
    model = _random_model(2)
    kinds = {
        "labels": BatchOptions(),
        "objects, measured": BatchOptions(save=("instances",), measure=True),
    }
    with _running() as (session, wait):
        model.save(folder / "a.unet")
        session.load_model(folder / "a.unet")
        for name, options in kinds.items():
            for number in range(times):
                out = folder / f"{name} {number}"
                run = BatchRun(ViewerModel(), session)
                run.start(plan_batch([str(image)], model, out, options), (), out)
                wait(out.exists)
                _linger(wait, 2 * number)
                ended = lambda run=run: not run.is_running  # noqa: E731
                yield from _timed(f"batch of {name}, {side} x {side}", run.stop, ended, wait)


def shell_stops(folder: Path, side: int, times: int) -> Iterator[Stop]:
    """Press Ctrl-C, as often as it takes, in the middle of shell commands."""
    plane, strokes = _spots((side, side))
    tifffile.imwrite(folder / "image.tif", plane)
    tifffile.imwrite(folder / "strokes.tif", strokes)
    _random_model(2).save(folder / "a.unet")
    commands = {
        "train image.tif --labels strokes.tif --output new.unet": b"step",
        "predict a.unet image.tif --output one": b"segmenting",
        "batch a.unet image.tif --output two --save instances --measure": b"segmenting",
        "export a.unet --format bioimageio --output a.zip": None,
    }
    for line, begun in commands.items():
        words = line.split()
        what = f"napari-unet {words[0]}, {side} x {side}"
        for number in range(times):
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *words],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=os.environ,
            )
            if begun is None:  # it says nothing before the end
                time.sleep(3.0)
            else:
                _read_until(process, begun)
            time.sleep(0.37 * number)
            if process.poll() is not None:
                continue  # it was through
            start = time.perf_counter()
            process.send_signal(signal.SIGINT)
            _read_until(process, b"stopping", b"interrupted")
            yield Stop(f"a word from {what}", time.perf_counter() - start)
            process.communicate(timeout=PATIENCE)
            yield Stop(f"the end of {what}", time.perf_counter() - start)


def _timed(
    what: str, stop: Callable[[], object], ended: Callable[[], bool], wait: Callable
) -> Iterator[Stop]:
    if ended():
        return  # it was through
    start = time.perf_counter()
    stop()
    wait(ended)
    yield Stop(what, time.perf_counter() - start)


def _read_until(process: subprocess.Popen[bytes], *words: bytes) -> None:
    """Read what a program says, up to one of some words, or its end."""
    said = b""
    assert process.stderr is not None
    while not any(word in said for word in words):
        more = os.read(process.stderr.fileno(), 4096)
        if not more:
            return
        said += more


def _linger(wait: Callable, number: int) -> None:
    end = time.perf_counter() + 0.2 + 0.37 * number
    wait(lambda: time.perf_counter() > end)


@contextmanager
def _running() -> Iterator[tuple[Session, Callable[[Callable[[], bool]], None]]]:
    """Give a session with a learner, and what lets both run until something holds."""
    learner = Learner()
    session = Session(learner)
    replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
    learner.listen(replies.put)

    def holds(condition: Callable[[], bool]) -> bool:
        while not replies.empty():
            session.apply(replies.get())
        return condition()

    def wait(condition: Callable[[], bool]) -> None:
        if not settled(lambda: holds(condition), PATIENCE):
            raise TimeoutError("it does not end")

    learner.warm_up()
    wait(lambda: bool(session.device))
    try:
        yield session, wait
    finally:
        session.close()


def _spots(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Draw blobs and strokes on them, 1 beside and 2 inside, both uint8."""
    noise = np.random.default_rng(0).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, 6)
    inside = smooth > smooth.std()
    image = np.clip(90 + 80 * inside + 20 * noise, 0, 255).astype(np.uint8)
    strokes = np.zeros(shape, np.uint8)
    middle = tuple(slice(length // 2, length // 2 + 3) for length in shape[:-1])
    strokes[middle] = 1 + inside[middle]
    return image, strokes


def _random_model(ndim: int) -> Model:
    config = PRESETS["compact"].network(1, 2, voxel_size=None if ndim == 2 else (1.0, 1.0, 1.0))
    network = UNet(config)
    header = ModelHeader(
        network=config,
        preset="compact",
        label_kind="scribbles",
        classes=describe_classes((1, 2), "scribbles"),
    )
    state = network.state_dict().items()
    return Model(header, {name: value for name, value in state if value.is_floating_point()})
