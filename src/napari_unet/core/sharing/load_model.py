"""A model is loaded from its file, of this program or of others."""

import os

from napari_unet.core.models.model import Model
from napari_unet.core.sharing.bioimageio_reader import model_bytes
from napari_unet.errors import InvalidModel


def load_model(path: str | os.PathLike[str]) -> Model:
    """Open a model file, or a package of the bioimage.io format with ONNX weights.

    A package, a zip file or a folder, needs the extra ``bioimageio``; its model predicts and cannot
    be trained. Nothing in a package is run but its ONNX graph.

    Raises
    ------
    UnreadableFile
        There is no such file, or it cannot be read.
    InvalidModel
        It is no model of this program, is damaged, or is from a newer version; or what the package
        needs is not known here.
    InvalidInput
        A package of the extra is missing.
    """
    try:
        return Model.from_bytes(model_bytes(path))
    except InvalidModel as error:
        raise InvalidModel(f"{path}: {error}") from None
