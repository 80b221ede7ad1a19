"""Real microscope files, all the way; skipped where the folder of them is not there.

The folder is the one that ``NAPARI_UNET_DATA`` names, or else ``../shared/data`` beside the
checkout. Nothing else needs it.
"""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.filters import threshold_otsu

import napari_unet as nu
from napari_unet.cli import main
from napari_unet.core.io.open_image import open_image
from scenes import random_model, small_network, volume_network

DATA = Path(
    os.environ.get("NAPARI_UNET_DATA", Path(__file__).parents[2] / "shared" / "data")
).absolute()
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")

SAMPLES = "samples_no_gt"
MICROMETRES = {"Y": "micrometer", "X": "micrometer"}


@dataclass(frozen=True)
class Real:
    """A file and what is known of it.

    Attributes
    ----------
    path
        Below the folder.
    axes, shape, dtype
        Of the array.
    pixel_size, units
        Where the file says them.
    guessed
        Whether the file does not say its axes.
    labels
        A file of labels of its first plane; without one, what is bright is a class.
    """

    path: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    pixel_size: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    guessed: bool = False
    labels: str | None = None

    @property
    def file(self) -> Path:
        """Where it is."""
        return DATA / self.path

    @property
    def channels(self) -> int:
        """Values along C or S."""
        return next((n for a, n in zip(self.axes, self.shape, strict=True) if a in "CS"), 1)


FILES = (
    Real(
        "bbbc010_worms/images/A01.tif",
        "CYX",
        (2, 520, 696),
        "uint16",
        labels="bbbc010_worms/labels/A01.png",
    ),
    Real("dsb2018_histology/images/000_00ae65c1.png", "YXS", (256, 320, 3), "uint8"),
    Real(
        "drive_retina/images/21_training.png",
        "YXS",
        (584, 565, 3),
        "uint8",
        labels="drive_retina/labels/21_training.png",
    ),
    Real(
        "u373_phc/timeseries/images_t115.tif",
        "TYX",
        (115, 520, 696),
        "uint8",
        labels="u373_phc/timeseries/labels_silver_t115.tif",
    ),
    Real(
        f"{SAMPLES}/neubias_xyz_8bit__mitotic_plate_calibrated.tif",
        "ZYX",
        (6, 263, 263),
        "uint8",
        {"Z": 3.0, "Y": 0.085196, "X": 0.085196},
        {"Z": "micrometer", **MICROMETRES},
    ),
    Real(f"{SAMPLES}/neubias_xyz_8bit__nucleus.tif", "ZYX", (7, 207, 207), "uint8"),
    Real(
        f"{SAMPLES}/neubias_xyc_16bit__nuclei_golgi.tif",
        "CYX",
        (2, 220, 204),
        "uint16",
        {"Y": 0.515752, "X": 0.515752},
        MICROMETRES,
    ),
    Real(
        f"{SAMPLES}/neubias_xyc_16bit__cell_dna_mts_actin.tif",
        "CYX",
        (3, 350, 350),
        "uint16",
        {"Y": 0.132492, "X": 0.132492},
        MICROMETRES,
    ),
    Real(
        f"{SAMPLES}/bioimagenotebooks_hela-cells.tif",
        "YXS",
        (512, 672, 3),
        "uint16",
        {"Y": 0.051493, "X": 0.051493},
        MICROMETRES,
    ),
    Real(f"{SAMPLES}/neubias_xyt_8bit__em_fly_eye.tif", "TYX", (2, 322, 400), "uint8"),
    Real(
        f"{SAMPLES}/bioimagenotebooks_membrane_2d_timelapse.tif",
        "ZYX",
        (5, 256, 256),
        "uint16",
        guessed=True,
    ),
)
every_file = pytest.mark.parametrize("real", FILES, ids=lambda real: Path(real.path).stem)


def painted(real: Real) -> tuple[np.ndarray, np.ndarray]:
    """Return 128 x 128 pixels of all planes, 3 at most, and labels 1 and 2 of them.

    Labels come from the file of labels, around whose first object the part lies, or else from a
    threshold on the last channel.
    """
    image, named = nu.read_image(real.file), [a for a in real.axes if a not in "CS"]
    if real.labels is not None:
        labels = nu.read_image(DATA / real.labels) > 0
    else:
        channel = next((real.axes.index(a) for a in "CS" if a in real.axes), None)
        shown = image if channel is None else image.take(-1, axis=channel)
        labels = shown > threshold_otsu(shown)
    planes = labels[:3] if labels.ndim == 3 else labels[None]
    _, rows, columns = np.nonzero(planes)
    parts = {"T": slice(3), "Z": slice(3)}
    for letter, first, length in zip("YX", (rows[0], columns[0]), planes.shape[1:], strict=True):
        start = int(np.clip(first - 64, 0, length - 128))
        parts[letter] = slice(start, start + 128)
    image = image[tuple(parts.get(letter, slice(None)) for letter in real.axes)]
    return image, labels[tuple(parts[letter] for letter in named)].astype(np.uint8) + 1


def check_result(path: Path, real: Real) -> None:
    """A file of class ids has the image's shape, axes, pixel size and units."""
    sizes = {a: n for a, n in zip(real.axes, real.shape, strict=True) if a not in "CS"}
    with open_image(path) as source:
        assert source.sizes() == sizes
        assert (source.dtype, source.guesses) == (np.dtype(np.uint8), ())
        assert source.pixel_size == pytest.approx(real.pixel_size, rel=1e-4)
        assert source.units == real.units
        assert set(np.unique(np.asarray(source.levels[0][...]))) <= {1, 2}


@every_file
def test_is_taken_for_what_it_is(real):
    with open_image(real.file) as source:
        assert source.axes == real.axes
        assert tuple(source.levels[0].shape) == real.shape
        assert source.dtype.newbyteorder("=") == np.dtype(real.dtype)
        assert source.pixel_size == pytest.approx(real.pixel_size, rel=1e-4)
        assert source.units == real.units
        assert bool(source.guesses) == real.guessed


@every_file
def test_a_part_is_trained_on_and_segmented(real):
    image, labels = painted(real)
    model = nu.train([image], [labels], steps=1, device="cpu", label_kind="classes")
    assert model.header.network.in_channels == real.channels
    found = nu.predict(model, image, device="cpu")
    assert (found.shape, found.dtype) == (labels.shape, np.dtype(np.uint8))


@pytest.mark.parametrize(
    "real",
    [
        pytest.param(
            real, id=Path(real.path).stem, marks=[pytest.mark.slow] * (real.shape[0] > 100)
        )
        for real in FILES
    ],
)
def test_all_of_it_is_segmented_into_a_file(tmp_path, real):
    """With random weights of a small network: what is checked is where values go."""
    random_model(small_network(in_channels=real.channels, depth=1)).save(tmp_path / "model.unet")
    words = [str(tmp_path / "model.unet"), str(real.file), "--device", "cpu"]
    assert main(["predict", *words, "--output", str(tmp_path)]) == 0
    check_result(tmp_path / f"{real.file.stem}_labels.tif", real)


def test_sections_of_an_electron_microscope_as_a_volume(tmp_path, monkeypatch):
    """20 slices of 96 x 96 px out of 1024 x 1024, five classes, in the shell, in 3D."""
    monkeypatch.chdir(tmp_path)

    def stack(kind):
        names = sorted((DATA / "vnc_sstem" / kind).glob("*.png"))
        return np.stack([nu.read_image(name)[:96, :96] for name in names])

    strokes = np.zeros((20, 96, 96), np.uint8)
    strokes[[4, 14]] = stack("labels")[[4, 14]]
    sizes = {"PhysicalSizeZ": 50.0, "PhysicalSizeY": 4.6, "PhysicalSizeX": 4.6}
    units = {f"{name}Unit": "nm" for name in sizes}
    tifffile.imwrite("vnc.ome.tif", stack("images"), metadata={"axes": "ZYX", **sizes, **units})
    tifffile.imwrite("strokes.tif", strokes)
    words = ["--labels", "strokes.tif", "--dimensions", "3", "--output", "vnc.unet"]
    assert main(["train", "vnc.ome.tif", *words, "--steps", "1", "--device", "cpu"]) == 0
    header = nu.load_model("vnc.unet").header
    assert (header.pixel_size, header.pixel_unit) == ((50.0, 4.6, 4.6), "nanometer")
    assert header.network.poolings[0] == (1, 2, 2)
    random_model(volume_network((50.0, 4.6, 4.6))).save("small.unet")
    assert main(["predict", "small.unet", "vnc.ome.tif", "--output", ".", "--device", "cpu"]) == 0
    sizes = {"Z": 50.0, "Y": 4.6, "X": 4.6}
    units = dict.fromkeys("ZYX", "nanometer")
    check_result(Path("vnc_labels.tif"), Real("", "ZYX", (20, 96, 96), "uint8", sizes, units))


def test_three_broken_files_of_a_folder_are_reported_and_the_others_done(tmp_path, capsys):
    """Stacks of one channel, one cut off, one with a broken part, one that is no image."""
    (tmp_path / "in").mkdir()
    good = [real for real in FILES if real.channels == 1 and real.path.startswith(SAMPLES)]
    for real in good:
        shutil.copy(real.file, tmp_path / "in")
    whole = good[0].file.read_bytes()
    (tmp_path / "in" / "cut.tif").write_bytes(whole[: len(whole) // 2])
    shutil.copy(DATA / "u373_phc" / "info.json", tmp_path / "in" / "text.tif")
    picture = (DATA / "vnc_sstem" / "images" / "000.png").read_bytes()
    (tmp_path / "in" / "half.png").write_bytes(picture[: len(picture) // 2])
    random_model(small_network(depth=1)).save(tmp_path / "model.unet")
    words = [str(tmp_path / "model.unet"), str(tmp_path / "in"), "--device", "cpu"]
    assert main(["batch", *words, "--output", str(tmp_path / "out")]) == 1
    with (tmp_path / "out" / "batch_report.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["item"]).name: row for row in csv.DictReader(file)}
    failed = {name: row["sentence"] for name, row in rows.items() if row["status"] == "failed"}
    assert sorted(failed) == ["cut.tif", "half.png", "text.tif"]
    assert all("cannot be read" in said or "not complete" in said for said in failed.values())
    assert f"{len(good)} done, 3 failed." in capsys.readouterr().out
    for real in good:
        check_result(tmp_path / "out" / f"{real.file.stem}_labels.tif", real)
