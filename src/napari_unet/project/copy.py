"""Writing a project into another folder."""

import shutil
from pathlib import Path

from napari_unet.errors import UnwritableOutput
from napari_unet.project.files import files_of, folder_beside, path_beside
from napari_unet.project.index import ProjectIndex
from napari_unet.project.store import ProjectStore


def copy_project(source: Path, index: ProjectIndex, folder: Path) -> ProjectStore:
    """Write a project into another folder; files that are missing are left out.

    The other folder has to be empty, or new. ``UnwritableOutput`` if there are files in it, or it
    cannot be written.
    """
    store = ProjectStore.create(folder)
    images = [x.model_copy(update={"beside": path_beside(folder, x.path)}) for x in index.images]
    try:
        for path in set(files_of(source, index)):
            if path.is_file() and path.resolve().is_relative_to(source.resolve()):
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        update = {"images": tuple(images), "folder": folder_beside(folder, index.folder)}
        store.adopt(index.model_copy(update=update))
    except OSError as error:
        for path in folder.iterdir():  # the folder was empty
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, UnwritableOutput):
            raise
        raise UnwritableOutput(
            f"the project cannot be written to {folder} ({error.strerror}); choose another folder."
        ) from None
    return store
