"""Processes that save a project and are killed: ``saving_process.py moments|steps FOLDER``."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from napari_unet.project.changes import Changes
from napari_unet.project.open_project import open_project, read_version
from napari_unet.project.store import ProjectStore
from projects import a_version, stroke


def changes(value: int) -> Changes:
    """All three planes get one value, and the second version a score of as many thousandths."""
    planes = tuple(stroke((place,), value) for place in range(3))
    version = a_version(2, score=value / 1000, parent=1, planes=planes)
    return Changes(planes=planes, versions=(version,))


def save_for_ever(folder: Path, said: int) -> None:
    """Save one value after the other, and write each that is saved as a byte."""
    store = ProjectStore.of(open_project(folder))
    for value in itertools.cycle(range(1, 250)):
        store.commit(changes(value))
        os.write(said, bytes([value]))


def die_at_random_moments(folder: Path) -> None:
    """Print, of six processes that are killed one after the other, what is there afterwards."""
    rng = random.Random(0)
    for _ in range(6):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            save_for_ever(folder, writing)
        os.close(writing)
        said = os.read(reading, 1)
        time.sleep(rng.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        last = (said + os.read(reading, 1000))[-1]
        os.close(reading)
        opened = open_project(folder)
        planes = [int(plane.labels.max()) for plane in opened.layers[0].planes]
        score = opened.index.versions[1].score
        whole = read_version(folder, opened.index, 2) == changes(planes[0]).versions[0].model
        print(last, opened.problems, planes, score, whole, sep=";", flush=True)


def save_and_die(folder: Path, at: int) -> bool:
    """Save once, in a process that ends at its operation number ``at``; tell whether it did."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = at

    def dying(operation, half=None):
        def call(*arguments, **options):
            nonlocal left
            if left == 0:
                if half is not None:
                    half(*arguments)
                os._exit(9)
            left -= 1
            return operation(*arguments, **options)

        return call

    write = Path.write_bytes
    Path.write_bytes = dying(write, half=lambda path, data: write(path, data[: len(data) // 2]))
    Path.unlink = dying(Path.unlink)
    Path.mkdir = dying(Path.mkdir)
    os.fsync = dying(os.fsync)
    os.replace = dying(os.replace)
    ProjectStore.of(open_project(folder)).commit(changes(7))
    os._exit(0)


def die_at_each_step(folder: Path) -> None:
    """Print, for each operation that a save could die at, what is there afterwards."""
    for at in itertools.count():
        copy = folder.with_name(f"copy {at}")
        shutil.copytree(folder, copy)
        died = save_and_die(copy, at)
        opened = open_project(copy)
        values = sorted({int(plane.labels.max()) for plane in opened.layers[0].planes})
        scores = [entry.score for entry in opened.index.versions]
        ProjectStore.of(opened).commit(changes(9))
        left = len([path for path in copy.rglob("*") if path.name.endswith(".part")])
        print(at, died, opened.problems, values, scores, left, sep=";", flush=True)
        if not died:
            return


if __name__ == "__main__":
    {"moments": die_at_random_moments, "steps": die_at_each_step}[sys.argv[1]](Path(sys.argv[2]))
