"""The files of a package from somebody else, none of which is trusted."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from napari_unet.errors import InvalidModel, UnreadableFile

DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml")
_ZIP = b"PK\x03\x04"
# What Python's zipfile raises where a file is damaged, encrypted or compressed in unknown ways.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # also NotImplementedError
    ValueError,
)


class PackageFiles(Protocol):
    """Files by their names in the package."""

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        name
            As the description has it: a path inside the package.
        most
            Bytes that it may have; nothing larger is taken into memory.

        Raises
        ------
        InvalidModel
            It is not there, leads out of the package, or is larger.
        """


def is_package(path: Path) -> bool:
    """Return whether a path is a zip file or an unpacked one, which no model file of ours is.

    Raises
    ------
    UnreadableFile
        It cannot be read.
    """
    if path.is_dir():
        return any((path / name).is_file() for name in DESCRIPTIONS)
    try:
        with open(path, "rb") as file:
            return file.read(len(_ZIP)) == _ZIP
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror}).") from None


class Folder:
    """A package that was unpacked."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a file, see :class:`PackageFiles`."""
        path = (self._root / inside(name)).resolve()  # follows links
        if not path.is_relative_to(self._root):
            raise InvalidModel(_leads_out(name))
        if not path.is_file():
            raise InvalidModel(_missing(name))
        try:
            with open(path, "rb") as file:
                return _at_most(file.read(most + 1), name, most)
        except OSError as error:
            raise UnreadableFile(f"{path} cannot be read ({error.strerror}).") from None


class Zip:
    """A package as a zip file.

    Raises
    ------
    InvalidModel
        It is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGES as error:
            raise InvalidModel(f"the zip file is damaged ({error}); take another copy.") from None

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a file, see :class:`PackageFiles`; nothing is unpacked to disk."""
        try:
            entry = self._archive.getinfo(inside(name))
        except KeyError:
            raise InvalidModel(_missing(name)) from None
        if entry.file_size > most:
            raise InvalidModel(_too_large(name, most))
        try:
            with self._archive.open(entry) as file:  # its size may be a lie
                return _at_most(file.read(most + 1), name, most)
        except _DAMAGES as error:
            raise InvalidModel(
                f"{name} in the package is damaged ({error}); take another copy of it."
            ) from None


def inside(name: str) -> str:
    """Return the path of a file inside a package in its plain form.

    Raises
    ------
    InvalidModel
        It is an address, absolute, or leads out of the package.
    """
    path = PurePosixPath(name)
    if "://" in name:
        raise InvalidModel(
            f"the package keeps {name[:200]} elsewhere; get the whole model as one zip file."
        )
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise InvalidModel(_leads_out(name))
    return str(path)


def read_array(data: bytes, name: str) -> np.ndarray:
    """Return the array of a ``.npy`` file; never a pickle, and no larger than its file.

    Raises
    ------
    InvalidModel
        It is none.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        of_version = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = of_version(stream)
        values = int(np.prod([int(side) for side in shape], dtype=object)) if shape else 1
        if dtype.hasobject or values * dtype.itemsize != len(data) - stream.tell():
            raise ValueError("its size is another")
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise InvalidModel(
            f"{name} in the package is no array ({error}); take another copy of it."
        ) from None


def _at_most(data: bytes, name: str, most: int) -> bytes:
    if len(data) > most:
        raise InvalidModel(_too_large(name, most))
    return data


def _leads_out(name: str) -> str:
    return f"the package refers to {name[:200]!r}, which is not in it; do not use this package."


def _missing(name: str) -> str:
    return f"{name[:200]} is missing in the package; take another copy of it."


def _too_large(name: str, most: int) -> str:
    return (
        f"{name[:200]} in the package is larger than {most // 2**20} MiB; such a package cannot be "
        "used."
    )
