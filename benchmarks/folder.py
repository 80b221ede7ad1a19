"""What a folder of many images costs before any is opened: ``python -m benchmarks.folder``.

Each row is measured in a fresh process. The files are empty, since none is opened; of a
tenth of them a project says that they were painted on.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.batch.find_images import list_images
from napari_unet.project.index import AnnotationEntry, ImageEntry, PlaneEntry, ProjectIndex
from napari_unet.project.kept_strokes import marks_of
from napari_unet.session.working_set import WorkingSet


@dataclass(frozen=True)
class Cost:
    """What a folder took: to list it, to know what was done to each, to go to the next."""

    listed: float
    processor: float
    known: float
    next: float
    mebibytes: float


def resident() -> float:
    """Return the most MiB that this process has held."""
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def painted(folder: Path, names: list[str]) -> ProjectIndex:
    """Return a project in which these images are painted on."""
    entries = [
        ImageEntry(key=f"i{n}", name=name, path=str(folder / name), shape=(512, 512))
        for n, name in enumerate(names)
    ]
    plane = PlaneEntry(index=(), digest="0" * 32)
    layers = [
        AnnotationEntry(
            key=f"a{n}",
            name=name,
            image=f"i{n}",
            shape=(512, 512),
            dtype="uint8",
            planes=(plane,),
            away=True,
        )
        for n, name in enumerate(names)
    ]
    return ProjectIndex(images=tuple(entries), annotations=tuple(layers))


def cost_of(folder: Path, count: int) -> Cost:
    """Return what a folder of so many files takes."""
    names = [f"field_{number}.tif" for number in range(count)]
    for name in names:
        (folder / name).touch()
    index = painted(folder, names[::10])
    files = WorkingSet()
    before, start, used = resident(), time.perf_counter(), time.process_time()
    listing = list_images(folder)
    files.use(listing.folder, listing.images)
    middle, used = time.perf_counter(), time.process_time() - used
    files.know(marks_of(folder, index, files.positions, folder), ())
    end = time.perf_counter()
    last = files.beside(files.files[-2], 1)
    found = time.perf_counter()
    cost = Cost(middle - start, used, end - middle, found - end, resident() - before)
    if last != files.files[-1] or files.painted != len(names[::10]):
        raise RuntimeError("the folder was not listed as it is")
    return cost


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print("| files | listed, s | processor s | what was done to each, s | next, ms | MiB more |")
    print("|---|---|---|---|---|---|")
    for count in options.files:
        with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
            cost = pool.apply(cost_of, (Path(folder), count))
        print(
            f"| {count:,} | {cost.listed:.2f} | {cost.processor:.2f} | {cost.known:.2f} | "
            f"{cost.next * 1000:.2f} | {cost.mebibytes:.1f} |",
            flush=True,
        )
    print("\ngoals for 10,000 files: listed in 2 s, 50 MB")


if __name__ == "__main__":
    main()
