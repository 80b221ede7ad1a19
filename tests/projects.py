"""Small projects that the tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fakes import model_file
from napari_unet.core.labels.classes import describe_classes
from napari_unet.project.changes import Changes, Facts, NewVersion, PlaneStrokes
from napari_unet.project.index import AnnotationEntry, ImageEntry
from napari_unet.project.store import ProjectStore

MADE = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def layer(key: str = "a1", shape: tuple[int, ...] = (3, 4, 5), dtype: str = "uint8"):
    return AnnotationEntry(key=key, name=f"strokes {key}", shape=shape, dtype=dtype, image="i1")


def facts(*layers: AnnotationEntry, **others) -> Facts:
    image = ImageEntry(key="i1", name="cells", shape=(3, 4, 5))
    return Facts(
        **{
            "classes": describe_classes((1, 2), "scribbles"),
            "images": (image,),
            "annotations": layers or (layer(),),
        }
        | others
    )


def stroke(index: tuple[int, ...] = (0,), value: int = 1, key: str = "a1") -> PlaneStrokes:
    """A plane of 4 x 5 pixels with one row painted."""
    labels = np.zeros((4, 5), np.uint8)
    labels[1] = value
    return PlaneStrokes(key, index, labels)


def a_version(number: int = 1, *, score: float = 0.8, **others) -> NewVersion:
    values = {"kind": "train", "ended": True, "model": model_file(score=score)} | others
    return NewVersion(number=number, made=MADE, **values)


def small_project(folder: Path) -> ProjectStore:
    """Paint two planes of an image beside the folder, then keep a version trained on them."""
    path = folder.parent / "cells.tif"
    path.write_bytes(b"pixels")
    store = ProjectStore.create(folder)
    planes = (stroke((0,), 1), stroke((2,), 2))
    image = ImageEntry(key="i1", name="cells", shape=(3, 4, 5), path=str(path))
    store.commit(Changes(facts(images=(image,)), planes))
    store.commit(Changes(versions=(a_version(planes=planes),)))
    return store
