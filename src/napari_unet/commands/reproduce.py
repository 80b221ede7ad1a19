"""``napari-unet reproduce``."""

from pathlib import Path

from napari_unet.project.reproduce import write_reproduction


def run(project: Path, output: Path) -> None:
    """Write a project's script and methods paragraph, and print the paragraph."""
    written = write_reproduction(project, output)
    for note in written.notes:
        print(f"note: {note}")
    print(f"script: {written.script}")
    print(f"paragraph: {written.paragraph}\n")
    print(written.methods)
